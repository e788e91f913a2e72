// Package faults tests what the muster program promises about crashes and disks, on the real thing: the built binary, one
// process a node, on loopback and on file systems of their own. People write on every node through its socket while
// faults of one class happen; afterwards the nodes are stopped and their disks read.
//
// It owns the faults and the audit. The audit is the same after every class: each operation whose writer was told that
// it is saved is on every node, no two operations anywhere carry one dot, every chain and signature holds, and all nodes
// hold the same operations and show the same boards.
//
//	kill -9          of a random node at a random moment
//	pause            SIGSTOP for seconds, SIGCONT
//	power cut        ext4 on a loop device, cut off by the EXT4 shutdown ioctl, remounted: its journal is replayed
//	full disk        a small tmpfs and a small ext4, filled to the last byte while people write
//	bit rot          one bit flipped in, or the end cut off, each kind of file of a store
//	clone            a home directory copied; original and copy run at the same time
//	partition        thousands of operations on either side of a cut
//	redaction        a secret that all have, redacted while one is cut off, one is down and nodes are killed
//
// The tests need root, e2fsprogs and util-linux, and are built with the tag faults only ("make faults"). How often each
// fault happens is set by flags, the moments by -seed. They unmount every file system and end every process they made,
// also after a failure; what a killed run left behind is removed by the next one.
package faults
