package discover

import "time"

// Limits. Nothing in this package grows past them, whatever arrives.
const (
	MaxCandidates   = 64   // addresses remembered at a time
	MaxStrangers    = 16   // of those, addresses whose origin no known member could have made
	MaxPerOrigin    = 8    // addresses remembered for one origin
	MaxQueued       = 128  // sightings waiting for the reader of [Discoverer.Sightings]; the oldest is dropped
	MaxLinks        = 16   // interfaces used at a time; Linux allows 20 group memberships per socket
	MaxKeys         = 4    // team keys matched against
	MaxMembers      = 1024 // members an origin is compared with
	MaxPorts        = 4    // ports the announcement is sent to
	maxLinkAddrs    = 8    // addresses told in one response
	maxInstances    = 8    // instances read from one packet
	maxPacketBytes  = 9000 // RFC 6762, 17
	maxKnownAnswers = 24   // peers listed in a question as already known
	maxInbox        = 64   // packets waiting for Run, per kind
)

// Rates, per second.
const (
	packetsPerSecond  = 500 // multicast DNS packets decoded, per socket
	unicastPerSecond  = 20  // questions answered to one asker
	newPerSecond      = 16  // new addresses of members
	strangerPerSecond = 4   // new addresses of anyone else
	namingPerSecond   = 64  // origins compared with the list of members: 1 µs for each member
)

// Times.
const (
	recordTTL        = 90 * time.Second       // of our DNS records
	queryEvery       = recordTTL / 3          // two chances to hear a peer again before it expires
	freshFor         = recordTTL / 4          // a peer heard so recently need not answer
	maxTTL           = 10 * time.Minute       // however long a peer's record claims to live
	legacyTTL        = 10 * time.Second       // for askers that are no mDNS hosts (RFC 6762, 6.7)
	aloneEvery       = 5 * time.Second        // own announcement while no peer is connected
	announceEvery    = 30 * time.Second       // own announcement otherwise
	announceLifetime = 7 * announceEvery / 2  // three may be lost
	burstEvery       = time.Second            // between the announcements after a change
	answerGap        = time.Second            // between two multicast answers on a link (RFC 6762, 6)
	answerDelayMin   = 20 * time.Millisecond  // so that not all hosts answer at once
	answerDelayMax   = 120 * time.Millisecond //
	retellAfter      = 2 * time.Second        // between two sightings of one address
	rotateSpread     = 2 * time.Second        // so that not all nodes rename themselves at once
	housekeeping     = time.Second            // keys, day, loneliness, sleep, expiry
	pollEvery        = time.Second            // interfaces, where the system does not tell of changes
	pollWatched      = 15 * time.Second       // interfaces, where it does
	settle           = 100 * time.Millisecond // changes come in groups: link, addresses, routes
	routeQuiet       = time.Second            // between two notices of changed routes
	reopenAfter      = 30 * time.Second       // before another try to open a socket
	retryMin         = time.Second            // before another try on an interface that refuses to send
	retryMax         = 32 * time.Second       //
	sleptAtLeast     = 5 * time.Second        // wall clock ahead of the monotonic one: resumed, or set
	burstCount       = 3                      // announcements after a change
)
