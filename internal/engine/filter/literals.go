package filter

import (
	"errors"
	"sync"

	"github.com/saker-sensor/saker/internal/field"
)

// Literals are the values of a large list, parsed once for all conditions that mention it. They are safe for several
// goroutines at once.
type Literals struct {
	// Name is the list's.
	Name string
	// Values must not be changed. The Offset of their Pos counts the values from 0; it is no place in a text.
	Values []Value

	mu sync.Mutex
	// tests are the sets made of the values so far, one for each way of comparing them.
	tests map[testKey]pred
	// suspects are the values that look like a field or a transformer, once they were looked for.
	suspects []*Value
	searched bool
}

// testKey names what a set depends on besides its values. Of numbers the width counts, for warnings.
type testKey struct {
	kind field.Type
	path bool
}

// NewLiterals parses each text as one value of a list. It reports false if one of them is none, or more than that.
func NewLiterals(name string, texts []string) (*Literals, bool) {
	l := &Literals{Name: name, Values: make([]Value, len(texts)), tests: map[testKey]pred{}}
	for i, text := range texts {
		p := parser{lexer: newLexer(text)}
		v, err := p.literal("expected a text")
		if err != nil || p.Offset < len(text) {
			return nil, false
		}
		l.Values[i] = Value{Pos: Pos{Offset: i}, Text: v.Text, Quoted: v.Quoted}
	}
	return l, true
}

// Texts are the values without quotes.
func (l *Literals) Texts() []string {
	texts := make([]string, len(l.Values))
	for i := range l.Values {
		texts[i] = l.Values[i].Text
	}
	return texts
}

// Mention is a large list among the items of a [List]. It counts as one element of the condition.
type Mention struct {
	Pos Pos
	*Literals
}

func (o *Mention) Position() Pos { return o.Pos }
func (*Mention) operand()        {}

// mentionPred gives the test for membership, or of pmatch, in the values of a large list. It is made once for each type.
func (c *compiler) mentionPred(src *source, op Op, m *Mention) (pred, error) {
	l := m.Literals
	l.mu.Lock()
	defer l.mu.Unlock()
	key := testKey{src.kind, op == OpPMatch}
	if p, ok := l.tests[key]; ok {
		return p, nil
	}
	values := pointers(l.Values)
	warnings := len(c.filter.Warnings)
	var p pred
	var err error
	if op == OpPMatch {
		p, err = c.pathPred(src, values)
	} else {
		p, err = c.memberPred(src, values)
	}
	for i := range c.filter.Warnings[warnings:] {
		c.filter.Warnings[warnings+i].Pos = m.Pos
	}
	var ce *CompileError
	if errors.As(err, &ce) {
		ce.Item, ce.Pos = ce.Pos.Offset+1, m.Pos
		return nil, ce
	}
	l.tests[key] = p
	return p, err
}

// suspicious gives the values that look like a field or a transformer.
func (c *compiler) suspicious(l *Literals) []*Value {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.searched {
		for i := range l.Values {
			if v := &l.Values[i]; c.looksLikeField(v.Text) || looksLikeTransformer(v.Text) {
				l.suspects = append(l.suspects, v)
			}
		}
		l.searched = true
	}
	return l.suspects
}

func pointers(values []Value) []*Value {
	out := make([]*Value, len(values))
	for i := range values {
		out[i] = &values[i]
	}
	return out
}

// literals returns the values of a literal or a list of literals, those of large lists too.
func literals(o Operand) ([]*Value, bool) {
	values, mentions, ok := splitLiterals(o)
	for _, m := range mentions {
		for i := range m.Values {
			v := m.Values[i]
			v.Pos = m.Pos
			values = append(values, &v)
		}
	}
	return values, ok
}

// splitLiterals returns the values of a literal or a list of literals, and the large lists that it mentions.
func splitLiterals(o Operand) (values []*Value, mentions []*Mention, ok bool) {
	switch o := o.(type) {
	case *Value:
		return []*Value{o}, nil, true
	case *List:
		values = make([]*Value, 0, len(o.Items))
		for _, it := range o.Items {
			switch it := it.(type) {
			case *Value:
				values = append(values, it)
			case *Mention:
				mentions = append(mentions, it)
			default:
				return nil, nil, false
			}
		}
		return values, mentions, true
	}
	return nil, nil, false
}
