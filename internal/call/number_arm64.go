package call

func (n *number) native() int { return n.arm64 }
func (n *number) compat() int { return n.arm }

// x32 would be a further entry's own numbers.
var x32 map[int]string
