package api

// Storage is what one person's devices have written into the board that this node keeps: all of it stays on disk and in memory.
type Storage struct {
	Responder  string `json:"responder"`
	Operations int    `json:"operations"`
	Bytes      uint64 `json:"bytes"`             // as records; redacted texts are counted
	Delayed    bool   `json:"delayed,omitempty"` // sends more than its allowance, and is made to wait
}
