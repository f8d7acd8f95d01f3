package call

func (n *number) native() int { return n.amd64 }
func (n *number) compat() int { return n.i386 }
