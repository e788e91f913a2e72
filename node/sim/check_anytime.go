package sim

import (
	"muster/crdt"
	"muster/node/replica"
)

// anytime checks what must hold whenever an operation has become visible on a host: it is on the host's disk, somebody
// whose name it bears has signed it, and everything before it is visible.
func (w *world) anytime(h *host, c replica.Change) {
	if !h.disk.have[c.Hash] {
		w.fail("%s shows %.8s, which is not on its disk", h.name, c.Hash)
		return
	}
	rec := w.made[c.Hash]
	if rec == nil {
		w.fail("%s shows %.8s, which nobody has signed", h.name, c.Hash)
		return
	}
	for _, p := range append([]crdt.Hash{rec.Op.Prev}, rec.Op.Parents...) {
		if !p.IsZero() && !h.shown[p] {
			w.fail("%s shows %.8s before %.8s, which its author had seen", h.name, c.Hash, p)
		}
	}
	h.shown[c.Hash] = true
}

// bounded checks that what waits on a host is within its limits.
func (w *world) bounded(h *host) {
	if n, size := h.r.Waiting(); n > replica.MaxPending || size > replica.MaxPendingBytes {
		w.fail("%s keeps %d operations of %d bytes that wait", h.name, n, size)
	} else if n > 0 {
		w.count("saw: operations waiting for their past")
	}
}
