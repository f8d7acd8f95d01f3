package filter

// WalkOperands calls f for every operand of an expression, those inside lists and transformers too.
func WalkOperands(e Expr, f func(Operand)) {
	Walk(e, func(e Expr) bool {
		if c, ok := e.(*Check); ok {
			WalkOperand(c.Left, f)
			WalkOperand(c.Right, f)
		}
		return true
	})
}

// WalkOperand calls f for an operand and for those inside it. A nil operand has none.
func WalkOperand(o Operand, f func(Operand)) {
	if o == nil {
		return
	}
	f(o)
	switch o := o.(type) {
	case *List:
		for _, i := range o.Items {
			WalkOperand(i, f)
		}
	case *Transformer:
		for _, a := range o.Args {
			WalkOperand(a, f)
		}
	}
}
