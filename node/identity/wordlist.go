package identity

// wordText is the list: 1,024 common words of four to seven letters, in alphabetical order, ten bits each. No two begin
// with the same four letters, differ in one letter only, or sound alike by the crude ear in the tests. The order is part
// of the format: a fingerprint that was read out once must stay the same.
const wordText = `
absent accent acorn action actor actual adapt adjust admit advice aerial affair afford again agent
agree ahead aisle alarm album alert alloy almond alpine alto amaze amber amount anchor angle animal
annual answer apart apple april apron arcade archer arctic arena argue arrive arrow artist aspect
atlas atom attend attic auburn audio author autumn avoid awake award axis baby bacon badge bagel
bakery ballot bamboo banana banjo banner barber barley barrel basket bazaar beaver become beetle
begin behave beige belief bell belong bench beyond bingo birch bison bistro bitter blade blazer
bleach block bloom blouse blue boat bobcat bonus book borrow botany bottle brain brave bread breeze
brick bright bronze brush bubble bucket budget buggy bugle bumper bundle bunny burger burst button
buyer buzzer cabin cable cactus cafe calm camera canary candy canoe canyon carbon card cargo carpet
carrot carve cashew casino castle cavern celery cement census chain chalk change cheek cherry chess
chief child choice chop chorus chrome cider cinema circle city clap clean clever client cliff climb
clinic cloak cloud club clutch coach coast cobra code coffee coin cold colony comb comet common cool
copper coral cork corner cosmic cotton count cousin cover crab cradle craft crane crater crayon
cream crew crisp crocus cross crowd crust cube cuckoo curry custom cycle cymbal daily dance daring
dark data dawn debate decade decent deck decor defend degree delay delta deluxe depth deputy desert
design detail dialog dice diesel diet dilute direct disco dish ditch divide dizzy doctor dollar
domain donkey donor double dough dove dragon drama draw dress drift drill drop drum dune dusty
dynamo eager eagle early earth easel easy echo edit either elbow elder elect eleven elite else
embark empire empty enamel encore energy engine enjoy enough ensure enter entire epic epoch equal
equip erase errand erupt escape essay estate event evolve exact exam excite exhale exotic expand
expert extra fabric face falcon family famous fancy farmer father faucet feast feed fence fern ferry
fetch fiddle field fifty figure file filter final finger finish firm first fiscal fjord flag flame
fleet flint flip float floor flow fluff fluid flute focus foggy folder folk follow food force forest
forget formal forum fossil free fresh friday friend frog front frozen fruit fuel fusion future
gadget galaxy gallop game garage garden garlic gear genius gentle giant gift give glad glance glass
glide globe glory goblet golden golf goose gossip govern gown grace grand green grid group growth
guard guess guitar gull gutter habit half hammer handle happy harp hawk hazel heart heavy hedge
helmet help herald herb high hiking hill hint hobby hockey home honey host hotel house human humble
hunger hurdle hybrid icon ideal igloo image immune impact import inch index indoor infant inform
inhale inner input insect inside intact invent invite iris island issue item ivory jacket jaguar
jazz jeep jelly jersey jewel jigsaw joint joker judge juice july jumbo jump jungle junior just
karate kayak kebab keen keeper kettle kick kidney kilo kimono kind kiosk kite kitten kiwi knee knock
know koala label ladder lagoon lake lamb land laptop large laser last laugh lava lawyer leader leaf
league learn left legal legend lemon length letter level light lilac lily limit linen link lion
liquid little lizard llama load local locker logic london loop lotus lounge lucky lumber lunar lunch
luxury lyrics magic magnet major mammal mango maple marble march margin market maroon mascot mask
matrix matter meadow medal melon melt member memory mend mesh method metro mighty mild mimic minute
mirror miss mobile modern module mole moment monday month moon mosaic motor movie muffin museum
music mutual myth nail napkin nation nature navy neat nebula nectar needle nephew nerve never news
nickel nimble nine noble noise nomad noodle north note novel nurse nutmeg nylon oasis obey object
oblong obtain ocean offer office often okay olive omelet onion online onward opal open opera optic
orbit order organ orient osprey other ounce outfit owner oxygen oyster ozone pack paddle paint
palace panda paper parade parcel pass pasta path patrol peanut pebble pencil people pepper permit
person phone photo phrase piano picnic pigeon pillow pilot pipe pirate pixel pizza plant play pledge
plenty pliers plug pocket poem poetry polar polite pond porch portal potato power praise price prism
proud public pulse puppet purple push puzzle python quad quartz queen query quest quick quiet quiz
quota racing radar radio raisin rally ramp ranch random range rapid rarely raven razor reach ready
real reason recipe record reef region relax remedy remind remote render rent repair report rescue
result return reveal reward rhino rhythm ribbon ridge rigid ripple rise ritual river roar robin
robot rock rodeo roof rookie rope rotate round royal rubber rudder rugby ruler runway rural rustic
safari safety sailor salad salmon salt salute sample sandal saturn save saxon scale scan scarf
school screen script scroll second senate senior series seven shadow shape shed sheep shelf shield
shift shine ship shiver shore shovel shower shrimp shut signal silk silver single siren sister
sitcom size skate sketch skill skin slalom sleeve slice slim slogan slope small smart smile smoke
smooth snack snap soak soccer social soda soft soil solid sonata sonic sorbet sorry south space
spell spend spider spiral splash split spoon sport spray spring spruce square squid stable staff
stage stamp stand steam steel stereo stick sting stone storm straw street strong studio style subway
sudden suffix sugar summer sunday sushi switch symbol syrup system tackle talent tanker target taste
teapot teddy temple tennis thank theory thick thirty thorn three thumb tiara ticket tiger timber
tinsel today tomato tongue tooth topic total touch towel track trade trail travel trend tribe trophy
tulip tundra tunnel turkey turnip turtle tutor tuxedo twelve twenty twist ultra unable uncle under
unique united until upbeat update uphill upper upset urban useful usher usual vacant vacuum valid
valley value vault vector vegan velvet vendor venue vessel video violin visit visual vivid voice
volume vortex voter voyage waffle wagon wallet walnut walrus wander washer watch water wealth weave
wheat wheel wicker widget window winter wisdom wooden world woven wreath wrist writer xenon yacht
yellow yodel yonder young zebra zenith zephyr zigzag zipper zodiac
`
