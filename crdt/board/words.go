package board

import "muster/crdt"

// Name returns the two words by which people call an incident: amber-otter. They come from the hash of the operation
// that founded it, so nobody has to hand them out; [Draft.Accept] sees to it that a new incident gets a pair that nothing
// known to its founder has.
func Name(doc crdt.DocID) string { return firstWords[doc[0]] + "-" + secondWords[doc[1]] }

// firstWords and secondWords are short, common, and at least two letters away from every other of their list, so that a
// pair survives a bad line. They are part of the format: a change renames every incident there ever was.
var firstWords = [256]string{
	"agile", "alpine", "amber", "ancient", "arctic", "aspen", "autumn", "azure", "balmy", "basic", "blaze",
	"bold", "brass", "brave", "breezy", "brick", "brief", "bright", "bronze", "brown", "calm", "candid", "canvas",
	"cedar", "cheery", "chilly", "chrome", "civic", "clean", "clever", "cloudy", "cobalt", "copper", "coral",
	"cosmic", "cotton", "cozy", "crimson", "crisp", "cubic", "curly", "cyan", "daily", "dapper", "daring", "deep",
	"dense", "desert", "digital", "distant", "double", "dusty", "eager", "early", "easy", "ebony", "electric",
	"elegant", "emerald", "equal", "extra", "fabled", "faint", "famous", "fancy", "feral", "fierce", "final",
	"flannel", "fleet", "floral", "fluffy", "focal", "foggy", "formal", "fossil", "frank", "fresh", "frosty",
	"frozen", "fuzzy", "gentle", "giant", "ginger", "glad", "glassy", "global", "golden", "grand", "granite",
	"green", "gritty", "handy", "happy", "hazel", "heavy", "hidden", "hollow", "honest", "humble", "humid", "icy",
	"indigo", "inland", "inner", "iron", "ivory", "jade", "jolly", "jovial", "joyful", "jumbo", "keen", "khaki",
	"kind", "lavish", "leafy", "lemon", "level", "lilac", "linen", "liquid", "lively", "loud", "loyal", "lucid",
	"lucky", "lunar", "lush", "magenta", "magic", "maple", "marble", "maroon", "mellow", "merry", "metal",
	"mighty", "mild", "minty", "modern", "modest", "mossy", "muddy", "mutual", "narrow", "native", "neat", "neon",
	"nimble", "noble", "north", "novel", "nutty", "oaken", "oblong", "olive", "onyx", "opal", "open", "orange",
	"outer", "paper", "patient", "pearl", "pebble", "pepper", "perky", "pine", "placid", "polar", "polite",
	"prime", "proud", "purple", "quaint", "quick", "quiet", "radiant", "rapid", "rare", "ready", "regal",
	"remote", "robust", "rocky", "rosy", "ruby", "rugged", "rural", "rustic", "salty", "sapphire", "satin",
	"scarlet", "serene", "shady", "sharp", "shiny", "silent", "silk", "silver", "simple", "sleek", "smooth",
	"snowy", "snug", "solid", "sonic", "spicy", "spry", "square", "stable", "steady", "steel", "stoic", "stone",
	"stormy", "sturdy", "subtle", "sunny", "super", "swift", "tacit", "tangy", "tawny", "teal", "tender",
	"thrifty", "tidy", "topaz", "tranquil", "tropic", "true", "trusty", "turbo", "upbeat", "urban", "useful",
	"valid", "vast", "velvet", "verbal", "violet", "vivid", "warm", "wavy", "western", "wide", "willow", "windy",
	"witty", "young", "zany", "zesty", "zinc",
}

var secondWords = [256]string{
	"aardvark", "acorn", "alpaca", "anchor", "antelope", "anvil", "apple", "apricot", "arrow", "atlas", "badger",
	"bagel", "bamboo", "banjo", "barley", "basil", "basket", "bat", "beacon", "beaver", "beetle", "bell", "birch",
	"bison", "blossom", "bonnet", "bottle", "boulder", "bridge", "bucket", "buffalo", "bugle", "butter", "cabin",
	"cactus", "camel", "canal", "candle", "canoe", "canyon", "caramel", "caribou", "carrot", "castle", "catfish",
	"cello", "cheetah", "cherry", "chestnut", "chipmunk", "cider", "clover", "cobra", "coconut", "comet",
	"compass", "condor", "copter", "cougar", "coyote", "crane", "cricket", "crocus", "cymbal", "dahlia", "daisy",
	"dingo", "dolphin", "dove", "dragon", "drum", "duck", "eagle", "echo", "elk", "ember", "engine", "falcon",
	"feather", "fennel", "fern", "ferret", "ferry", "fiddle", "fig", "finch", "fjord", "flute", "forest", "fox",
	"frog", "galaxy", "garnet", "gazelle", "gecko", "geyser", "gibbon", "giraffe", "glacier", "goblet", "gopher",
	"grape", "grotto", "grouse", "guitar", "gull", "hammer", "hammock", "hawk", "heron", "hickory", "hippo",
	"hornet", "horse", "husky", "ibis", "iguana", "impala", "island", "jackal", "jaguar", "jasmine", "jigsaw",
	"kangaroo", "kayak", "kestrel", "kettle", "kite", "kiwi", "koala", "lagoon", "lantern", "laurel", "lemur",
	"leopard", "lettuce", "lizard", "llama", "lobster", "locust", "lotus", "lynx", "magnet", "magpie", "mallet",
	"mango", "mantis", "marlin", "marmot", "meadow", "melon", "meteor", "mitten", "monsoon", "moose", "moth",
	"mountain", "muffin", "mulberry", "mustang", "napkin", "narwhal", "nectar", "nickel", "nutmeg", "oak",
	"oasis", "ocelot", "octopus", "orchid", "osprey", "ostrich", "otter", "owl", "oyster", "paddle", "panda",
	"panther", "peacock", "pelican", "penguin", "pheasant", "piano", "pickle", "pigeon", "pillow", "pilot",
	"piston", "planet", "plum", "pony", "poplar", "possum", "prairie", "pumpkin", "python", "quail", "quartz",
	"quokka", "rabbit", "raccoon", "radish", "rainbow", "raven", "reef", "rhino", "river", "robin", "rocket",
	"rooster", "salmon", "sandal", "satchel", "scooter", "seal", "sequoia", "shark", "sheep", "shovel", "shrimp",
	"sloth", "snail", "sparrow", "spider", "spruce", "squid", "squirrel", "stork", "sunset", "swan", "tapir",
	"teapot", "tiger", "tomato", "tortoise", "toucan", "tractor", "trout", "trumpet", "tulip", "tundra", "tunnel",
	"turkey", "turnip", "turtle", "valley", "vulture", "wagon", "walnut", "walrus", "warbler", "weasel", "wolf",
	"wombat", "zebra", "zeppelin",
}
