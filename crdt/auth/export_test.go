package auth

// Steps returns how many questions the evaluation asked the graph, which is what its cost is counted in.
func (t *Team) Steps() int { return t.now().steps }

// Forget makes the next question evaluate everything anew.
func (t *Team) Forget() { t.state = nil }
