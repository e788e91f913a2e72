module muster

go 1.26.0

tool (
	github.com/kisielk/errcheck
	golang.org/x/perf/cmd/benchstat
	golang.org/x/tools/cmd/deadcode
	honnef.co/go/tools/cmd/staticcheck
	mvdan.cc/gofumpt
)

require (
	filippo.io/age v1.3.2 // vault: passphrases and sealed files in a small audited format, readable without us
	github.com/cockroachdb/datadriven v1.0.3 // tests: stories as text files, read before they are accepted
	github.com/dgraph-io/badger/v4 v4.9.6 // store: an embedded ordered store in pure Go whose writes and scans held up when measured
	github.com/fxamacker/cbor/v2 v2.10.0 // crdt: deterministic CBOR with decoder limits
	github.com/google/go-cmp v0.7.0 // tests: differences a person can read
	github.com/gtank/ristretto255 v0.1.2 // pake: the group of the official CPace vectors; no maintained PAKE module is obtainable
	github.com/hashicorp/memberlist v0.7.0 // membership: SWIM gossip, long in production
	github.com/klauspost/compress v1.20.3 // wire: zstd in pure Go
	github.com/miekg/dns v1.1.73 // discover: the records of DNS-SD; no maintained mDNS module did what is needed
	github.com/quic-go/quic-go v0.65.0 // transport: QUIC with datagrams, and a simulated network for tests
	github.com/rogpeppe/go-internal v1.16.0 // tests: testscript, every verb typed as a person would
	github.com/spf13/cobra v1.10.2 // cli: the command tree and its help
	github.com/zalando/go-keyring v0.2.8 // vault: the keyring of the desktop session, without cgo
	golang.org/x/net v0.62.0 // discover, transport: packet info and multicast that the standard library does not give
	golang.org/x/sys v0.49.0 // netlink, flock, statfs, socket options
	golang.org/x/term v0.47.0 // cli: read a passphrase without showing it
	golang.org/x/time v0.16.0 // discover, membership, transport: token buckets
	golang.org/x/tools v0.52.0 // tests: loads the packages whose rules archtest checks
	pgregory.net/rapid v1.3.0 // tests: laws as properties, with shrinking
	rsc.io/qr v0.2.0 // cli: QR codes; small and complete
)

require (
	filippo.io/hpke v0.4.0 // indirect
	github.com/BurntSushi/toml v1.4.1-0.20240526193622-a339e1f7089c // indirect
	github.com/aclements/go-moremath v0.0.0-20210112150236-f10218a38794 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/danieljoos/wincred v1.2.3 // indirect
	github.com/dgraph-io/ristretto/v2 v2.2.0 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/go-logr/logr v1.4.3 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/godbus/dbus/v5 v5.2.2 // indirect
	github.com/google/btree v1.1.3 // indirect
	github.com/google/flatbuffers v25.2.10+incompatible // indirect
	github.com/hashicorp/errwrap v1.1.0 // indirect
	github.com/hashicorp/go-immutable-radix v1.3.1 // indirect
	github.com/hashicorp/go-metrics v0.7.0 // indirect
	github.com/hashicorp/go-msgpack/v2 v2.1.5 // indirect
	github.com/hashicorp/go-multierror v1.1.1 // indirect
	github.com/hashicorp/go-sockaddr v1.0.7 // indirect
	github.com/hashicorp/golang-lru v1.0.2 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/kisielk/errcheck v1.30.0 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/sean-/seed v0.0.0-20170313163322-e2103e2c3529 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel v1.41.0 // indirect
	go.opentelemetry.io/otel/metric v1.41.0 // indirect
	go.opentelemetry.io/otel/trace v1.41.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/exp/typeparams v0.0.0-20231108232855-2478ac86f678 // indirect
	golang.org/x/mod v0.42.0 // indirect
	golang.org/x/perf v0.0.0-20260908200009-22c9c6c9d4da // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/telemetry v0.0.0-20261009151841-97e8ea77aa2a // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	honnef.co/go/tools v0.8.2 // indirect
	mvdan.cc/gofumpt v0.12.0 // indirect
)
