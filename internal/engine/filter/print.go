package filter

import (
	"fmt"
	"strings"
)

// Print writes a condition in one form: operators between single blanks, and/or always in parentheses, quotes only
// where needed.
//
// The result parses to the same condition, but for literals inside transformers: they follow the same rule of quotes,
// as in Falco, whereas the language wants quotes around each.
func Print(e Expr) string {
	var b strings.Builder
	printExpr(&b, e)
	return b.String()
}

func printExpr(b *strings.Builder, e Expr) {
	switch e := e.(type) {
	case *And:
		printParts(b, e.Parts, " and ")
	case *Or:
		printParts(b, e.Parts, " or ")
	case *Not:
		b.WriteString("not ")
		printExpr(b, e.Part)
	case *Macro:
		b.WriteString(e.Name)
	case *Check:
		printOperand(b, e.Left)
		b.WriteByte(' ')
		b.WriteString(string(e.Op))
		if e.Mod != "" {
			b.WriteByte(' ')
			b.WriteString(e.Mod)
		}
		if e.Right != nil {
			b.WriteByte(' ')
			printOperand(b, e.Right)
		}
	}
}

func printParts(b *strings.Builder, parts []Expr, sep string) {
	b.WriteByte('(')
	for i, p := range parts {
		if i > 0 {
			b.WriteString(sep)
		}
		printExpr(b, p)
	}
	b.WriteByte(')')
}

func printOperand(b *strings.Builder, o Operand) {
	switch o := o.(type) {
	case *Field:
		b.WriteString(o.Name)
		printArg(b, o.Arg, o.HasArg)
	case *Transformer:
		b.WriteString(o.Name)
		b.WriteByte('(')
		for i, a := range o.Args {
			if i > 0 {
				b.WriteByte(',')
			}
			printOperand(b, a)
		}
		b.WriteByte(')')
		printArg(b, o.Arg, o.HasArg)
	case *Value:
		printText(b, o.Text, isBare)
	case *Mention:
		for i := range o.Values {
			if i > 0 {
				b.WriteString(", ")
			}
			printText(b, o.Values[i].Text, isBare)
		}
	case *List:
		b.WriteByte('(')
		for i, it := range o.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			printOperand(b, it)
		}
		b.WriteByte(')')
	}
}

func printArg(b *strings.Builder, arg string, has bool) {
	if has {
		b.WriteByte('[')
		printText(b, arg, isBareArg)
		b.WriteByte(']')
	}
}

// printText writes a text bare if each of its bytes may be, else in double quotes.
func printText(b *strings.Builder, s string, bare func(byte) bool) {
	quote := s == ""
	for i := 0; i < len(s) && !quote; i++ {
		quote = !bare(s[i]) || s[i] < ' '
	}
	if !quote {
		b.WriteString(s)
		return
	}
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\\' && i == len(s)-1:
			// A quote behind a backslash would not close the text.
			b.WriteString(`\x5c`)
		case c == '\\', c == '"':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\b':
			b.WriteString(`\b`)
		case c == '\f':
			b.WriteString(`\f`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ':
			fmt.Fprintf(b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
}
