package transport

import (
	"context"
	"sync"
)

// A queue holds the frames of one class to one peer, bounded in number and in bytes. It is closed, refusing everything,
// until its connection is up, and again from the moment that is over.
type queue struct {
	frameMax  int // bytes
	framesMax int
	bytesMax  int
	wake      chan struct{} // capacity 1; the writer's

	mu        sync.Mutex
	open      bool
	frames    [][]byte
	sizeBytes int
	owed      bool // someone was refused, or would soon be: to be told when it is half empty
}

func newQueue(frameMax, framesMax, bytesMax int) *queue {
	return &queue{frameMax: frameMax, framesMax: framesMax, bytesMax: bytesMax, wake: make(chan struct{}, 1)}
}

func (q *queue) setOpen(open bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open = open
	if !open {
		q.frames, q.sizeBytes = nil, 0
	}
}

func (q *queue) isOpen() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.open
}

func (q *queue) size() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sizeBytes
}

// push adds a frame, or reports false.
func (q *queue) push(frame []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.open || len(frame) == 0 || len(frame) > q.frameMax {
		return false
	}
	if len(q.frames) >= q.framesMax || q.sizeBytes+len(frame) > q.bytesMax {
		q.owed = true
		return false
	}
	q.frames = append(q.frames, frame)
	q.sizeBytes += len(frame)
	q.owed = q.owed || !q.halfEmpty()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

func (q *queue) halfEmpty() bool {
	return len(q.frames) < q.framesMax/2 && q.sizeBytes < q.bytesMax/2
}

// pop waits for a frame and returns it, with whether another waits behind it and whether the sender is to be told that
// there is room again. It reports false when ctx ends.
func (q *queue) pop(ctx context.Context) (frame []byte, more, ready, ok bool) {
	for {
		q.mu.Lock()
		if len(q.frames) > 0 {
			frame = q.frames[0]
			q.frames[0] = nil
			q.frames = q.frames[1:]
			q.sizeBytes -= len(frame)
			if ready = q.owed && q.halfEmpty(); ready {
				q.owed = false
			}
			more = len(q.frames) > 0
			q.mu.Unlock()
			return frame, more, ready, true
		}
		q.mu.Unlock()
		select {
		case <-q.wake:
		case <-ctx.Done():
			return nil, false, false, false
		}
	}
}
