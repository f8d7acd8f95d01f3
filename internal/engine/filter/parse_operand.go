package filter

// field reads the rest of a field whose first identifier was just consumed.
func (p *parser) field(start lexer) (*Field, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.fieldTail()
	f := &Field{Pos: start.Pos, Name: p.text[start.Offset:p.Offset]}
	var err error
	if f.Arg, f.HasArg, err = p.argument(); err != nil {
		return nil, err
	}
	return f, p.node()
}

// argument reads [arg] if it stands here.
func (p *parser) argument() (arg string, ok bool, err error) {
	if !p.eat("[") {
		return "", false, nil
	}
	if c := p.peek(0); c == '"' || c == '\'' {
		arg, err = p.quoted()
		if err != nil {
			return "", false, err
		}
	} else if arg = p.run(isBareArg); arg == "" {
		return "", false, p.errorf("expected an argument, with quotes or without")
	}
	if !p.eat("]") {
		return "", false, p.errorf("expected a ']' behind the argument")
	}
	return arg, true, nil
}

// ref reads val() or a transformer; nil if there is none.
func (p *parser) ref() (Operand, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	start := p.lexer
	name := p.identifier()
	if p.peek(0) == '(' {
		switch {
		case name == valName:
			return p.val(start.Pos)
		case isTransformer(name):
			return p.transformer(start.Pos, name)
		}
	}
	p.lexer = start
	return nil, nil
}

func (p *parser) val(pos Pos) (Operand, error) {
	p.advance(1)
	p.blank()
	start := p.lexer
	if p.identifier() == "" || p.peek(0) != '.' || !isLetter(p.peek(1)) {
		return nil, start.errorf("expected a field inside val()")
	}
	f, err := p.field(start)
	if err != nil {
		return nil, err
	}
	p.blank()
	if !p.eat(")") {
		return nil, p.errorf("expected a ')' behind the field")
	}
	return &Transformer{Pos: pos, Name: valName, Args: []Operand{f}}, p.node()
}

func (p *parser) value(expected string) (Operand, error) {
	v, err := p.literal(expected)
	if err != nil {
		return nil, err
	}
	return &v, p.node()
}

// literal reads one value.
func (p *parser) literal(expected string) (Value, error) {
	pos := p.Pos
	if c := p.peek(0); c == '"' || c == '\'' {
		s, err := p.quoted()
		return Value{Pos: pos, Text: s, Quoted: true}, err
	}
	s := p.run(isBare)
	if s == "" {
		return Value{}, p.errorf("%s", expected)
	}
	return Value{Pos: pos, Text: s}, nil
}

// list reads a list, or the identifier that names one.
func (p *parser) list() (Operand, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	pos := p.Pos
	if p.peek(0) != '(' {
		name := p.identifier()
		if name == "" {
			return nil, p.errorf("expected a list in parentheses or the name of one")
		}
		return &Value{Pos: pos, Text: name}, p.node()
	}
	items, err := p.items(func() (Operand, error) {
		l := p.lists[p.Offset]
		if l == nil {
			return p.value("expected a text")
		}
		m := &Mention{Pos: p.Pos, Literals: l}
		p.mentioned[p.Offset] = true
		p.advance(len(l.Name))
		return m, p.node()
	})
	if err != nil {
		return nil, err
	}
	return &List{Pos: pos, Items: items}, p.node()
}

// items reads "(" [ item { "," item } ] ")".
func (p *parser) items(item func() (Operand, error)) ([]Operand, error) {
	p.advance(1)
	p.blank()
	var items []Operand
	if p.eat(")") {
		return items, nil
	}
	for {
		it, err := item()
		if err != nil {
			return nil, err
		}
		items = append(items, it)
		p.blank()
		if p.eat(")") {
			return items, nil
		}
		if !p.eat(",") {
			return nil, p.errorf("expected ',' or ')'")
		}
		p.blank()
	}
}

// transformer reads the arguments of a transformer whose name was just consumed.
func (p *parser) transformer(pos Pos, name string) (Operand, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if err := p.node(); err != nil {
		return nil, err
	}
	t := &Transformer{Pos: pos, Name: name}
	var err error
	t.Args, err = p.items(func() (Operand, error) {
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		if p.peek(0) != '(' {
			return p.element()
		}
		l := &List{Pos: p.Pos}
		var err error
		if l.Items, err = p.items(p.element); err != nil {
			return nil, err
		}
		return l, p.node()
	})
	if err != nil {
		return nil, err
	}
	if len(t.Args) == 0 {
		return nil, p.errorf("expected an argument between the parentheses of %s()", name)
	}
	t.Arg, t.HasArg, err = p.argument()
	return t, err
}

func (p *parser) element() (Operand, error) {
	const expected = "expected a field, a transformer, a number or a text in quotes"
	pos := p.Pos
	if c := p.peek(0); c == '"' || c == '\'' {
		return p.value(expected)
	}
	if n := p.number(); n != "" {
		return &Value{Pos: pos, Text: n}, p.node()
	}
	start := p.lexer
	name := p.identifier()
	switch {
	case name != "" && p.peek(0) == '.' && isLetter(p.peek(1)):
		return p.field(start)
	case p.peek(0) == '(' && isTransformer(name):
		return p.transformer(pos, name)
	case p.peek(0) == '(' && name == valName:
		return nil, start.errorf("val() cannot stand inside a transformer; write the field itself")
	}
	return nil, start.errorf(expected)
}
