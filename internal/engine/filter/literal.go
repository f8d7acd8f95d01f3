package filter

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/saker-sensor/saker/internal/field"
)

// A literal holds at most this many bytes, as in Falco.
const (
	maxTextLiteral  = 255
	maxOtherLiteral = 256
)

// elementPred tests for one literal with an operator that takes one.
func (c *compiler) elementPred(src *source, op Op, v *Value) (pred, error) {
	switch op {
	case OpEq, OpEq2, OpIn, OpIntersects:
		return c.memberPred(src, []*Value{v})
	case OpNe:
		p, err := c.memberPred(src, []*Value{v})
		return notPred{p}, err
	case OpLt, OpLe, OpGt, OpGe:
		return c.orderPred(src, op, v)
	case OpPMatch:
		return c.pathPred(src, []*Value{v})
	}
	text := v.Text
	if op == OpBContains || op == OpBStartsWith {
		b, err := hex.DecodeString(text)
		if err != nil || len(b) == 0 {
			return nil, errorAt(v.Pos, "%s takes an even number of hexadecimal digits, not %q", op, text)
		}
		text = string(b)
	}
	if err := checkText(src, v.Pos, text); err != nil {
		return nil, err
	}
	switch op {
	case OpContains, OpBContains:
		if text == "" {
			return truePred{}, nil
		}
		return &textContains{lit: text}, nil
	case OpIContains:
		if text == "" {
			return truePred{}, nil
		}
		return &textIContains{lit: field.Lower(text)}, nil
	case OpStartsWith, OpBStartsWith:
		if text == "" {
			return truePred{}, nil
		}
		return newTextPrefix([]string{text}), nil
	case OpEndsWith:
		if text == "" {
			return truePred{}, nil
		}
		return &textSuffix{lit: text}, nil
	case OpGlob, OpIGlob:
		return globPred(text, op == OpIGlob), nil
	case OpRegex:
		// Compiled alone first: the frame must not repair unbalanced parentheses.
		if _, err := regexp.Compile(text); err != nil {
			return nil, errorAt(v.Pos, "regular expression %q: %v", text, err)
		}
		re, err := regexp.Compile(`\A(?:` + text + `)\z`)
		if err != nil {
			return nil, errorAt(v.Pos, "regular expression %q: %v", text, err)
		}
		return &textRegex{re: re}, nil
	}
	return nil, errorAt(v.Pos, "operator %q takes no literal", op)
}

// memberPred tests for membership in a list of literals.
func (c *compiler) memberPred(src *source, values []*Value) (pred, error) {
	switch src.kind.Group() {
	case field.Text, field.Bytes:
		items := make([]string, len(values))
		for i, v := range values {
			if err := checkText(src, v.Pos, v.Text); err != nil {
				return nil, err
			}
			items[i] = v.Text
		}
		return &textIn{set: newSet(items)}, nil
	case field.Boolean:
		items := make([]int64, len(values))
		for i, v := range values {
			switch v.Text {
			case "true":
				items[i] = 1
			case "false":
			default:
				return nil, errorAt(v.Pos, "%q is neither true nor false, and %s is of type BOOL", v.Text, src.text)
			}
		}
		return &numIn{set: newSet(items)}, nil
	case field.Address, field.Network:
		return addrPred(src, values)
	case field.Float:
		preds := make(anyPred, len(values))
		for i, v := range values {
			p, err := c.orderPred(src, OpEq, v)
			if err != nil {
				return nil, err
			}
			preds[i] = p
		}
		return preds, nil
	default:
		items := make([]int64, len(values))
		for i, v := range values {
			n, err := c.number(src, v)
			if err != nil {
				return nil, err
			}
			items[i] = n
		}
		return &numIn{set: newSet(items)}, nil
	}
}

func (c *compiler) orderPred(src *source, op Op, v *Value) (pred, error) {
	if src.kind.Group() == field.Text {
		return &textOrder{op: op, lit: v.Text}, checkText(src, v.Pos, v.Text)
	}
	n, err := c.number(src, v)
	if err != nil {
		return nil, err
	}
	switch src.kind.Group() {
	case field.Float:
		return &floatOrder{op: op, lit: float64(n)}, nil
	case field.Signed:
		return &signedOrder{op: op, lit: n}, nil
	default:
		return &unsignedOrder{op: op, lit: uint64(n)}, nil
	}
}

func (c *compiler) pathPred(src *source, values []*Value) (pred, error) {
	entries := make([]string, len(values))
	for i, v := range values {
		if err := checkText(src, v.Pos, v.Text); err != nil {
			return nil, err
		}
		entries[i] = v.Text
	}
	return &textPath{set: newPathSet(entries)}, nil
}

func checkText(src *source, pos Pos, s string) error {
	limit := maxOtherLiteral
	if src.kind.Group() == field.Text {
		limit = maxTextLiteral
		if strings.IndexByte(s, 0) >= 0 {
			return errorAt(pos, "%s is a text and can't hold the NUL byte of %q", src.text, s)
		}
	}
	if len(s) > limit {
		return errorAt(pos, "this value has %d bytes, at most %d are allowed", len(s), limit)
	}
	return nil
}

func addrPred(src *source, values []*Value) (pred, error) {
	p := &addrIn{}
	var addrs []netip.Addr
	for _, v := range values {
		switch {
		case strings.IndexByte(v.Text, '/') >= 0:
			n, err := netip.ParsePrefix(v.Text)
			if err != nil {
				return nil, errorAt(v.Pos, "%q is not a network such as 10.0.0.0/8 or fd00::/8", v.Text)
			}
			p.nets = append(p.nets, n.Masked())
		case src.kind.Group() == field.Network:
			return nil, errorAt(v.Pos, "%q is not a network: %s wants a prefix length, such as 10.0.0.0/8", v.Text, src.text)
		default:
			a, err := netip.ParseAddr(v.Text)
			if err != nil || a.Zone() != "" {
				return nil, errorAt(v.Pos, "%q is not an IP address", v.Text)
			}
			addrs = append(addrs, a)
		}
	}
	p.addrs = newSet(addrs)
	return p, nil
}

// number reads a number in decimal or, behind 0x, hexadecimal; as Falco, a negative one wraps around for an unsigned
// type. The result is the value's bits.
func (c *compiler) number(src *source, v *Value) (int64, error) {
	digits, base := v.Text, 10
	negative := strings.HasPrefix(digits, "-")
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		digits = digits[1:]
	}
	if len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x' {
		digits, base = digits[2:], 16
	}
	signed := src.kind.Group() != field.Unsigned
	u, err := strconv.ParseUint(digits, base, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) && src.kind == field.Port {
		return servicePort(v)
	}
	limit := uint64(1) << 63
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && signed && (u > limit || u == limit && !negative),
		err == nil && !signed && negative && u > limit:
		return 0, errorAt(v.Pos, "%q is too large for %s, which is of type %s", v.Text, src.text, src.kind)
	case err != nil:
		return 0, errorAt(v.Pos, "%q is not a whole number, and %s is of type %s", v.Text, src.text, src.kind)
	}
	n := int64(u)
	if negative {
		n = -n
	}
	width := bits(src.kind)
	if width == 64 {
		return n, nil
	}
	lo, hi := int64(0), int64(1)<<width-1
	if signed {
		lo, hi = -1<<(width-1), 1<<(width-1)-1
	} else if negative && n >= -hi-1 {
		n &= hi
	}
	if n < lo || n > hi {
		c.warn(WarnRange, v.Pos, fmt.Sprintf("%s is outside the range of %s, which is of type %s (%d to %d)", v.Text, src.text, src.kind, lo, hi))
	}
	return n, nil
}

// servicePort looks a service up in /etc/services, or in the resolver's short list where there is no such file.
func servicePort(v *Value) (int64, error) {
	for _, network := range []string{"tcp", "udp"} {
		if v.Text == "" {
			break
		}
		if port, err := new(net.Resolver).LookupPort(context.Background(), network, v.Text); err == nil {
			return int64(port), nil
		}
	}
	return 0, errorAt(v.Pos, "%q is neither a port number nor the name of a service", v.Text)
}

// bits is the width of a numeric type.
func bits(t field.Type) int {
	switch t {
	case field.Int8, field.Uint8, field.Flags8, field.EnumFlags8, field.SigType:
		return 8
	case field.Int16, field.Uint16, field.Flags16, field.EnumFlags16, field.Port, field.SyscallID:
		return 16
	case field.Int32, field.Uint32, field.Flags32, field.EnumFlags32, field.Mode, field.UID, field.GID:
		return 32
	}
	return 64
}

func errorAt(pos Pos, format string, args ...any) error {
	return &CompileError{Pos: pos, Msg: fmt.Sprintf(format, args...)}
}
