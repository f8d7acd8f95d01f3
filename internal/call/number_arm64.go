package call

func (n *number) native() int { return n.arm64 }
func (n *number) compat() int { return n.arm }
