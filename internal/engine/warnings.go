package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saker-sensor/saker/internal/engine/filter"
	"github.com/saker-sensor/saker/internal/engine/rulefile"
	"github.com/saker-sensor/saker/internal/event"
)

// deprecatedFields are those that Falco warns of.
var deprecatedFields = []string{"evt.dir", "evt.latency", "evt.latency.s", "evt.latency.ns", "evt.latency.human", "evt.wait_latency"}

// warnDoubts reports the doubts about a condition, whether or not it compiles.
func (c *compiler) warnDoubts(e filter.Expr, where rulefile.Trail) {
	for _, d := range doubts(e) {
		p := c.conditionTrail(where, d.off).Problem(d.code, d.message)
		p.DeprecatedField = d.field
		c.rep.Warn(p)
	}
}

// warnFilter reports the doubts about a condition that compiles.
func (c *compiler) warnFilter(r *rulefile.Rule, f *filter.Filter, types *event.TypeSet, where rulefile.Trail) {
	for _, w := range f.Warnings {
		c.rep.Warn(c.conditionTrail(where, w.Pos.Offset).Problem(rulefile.WarnCompileCondition, w.Msg))
	}
	if r.WarnEvttypes && c.codes.count(types) > maxCodes {
		c.rep.Warn(r.Where.Problem(rulefile.WarnNoEvttype,
			"Rule matches too many evt.type values. This has a significant performance penalty."))
	}
}

// doubt is a comparison that may not do what it seems to.
type doubt struct {
	off     int
	code    rulefile.Code
	message string
	field   string
}

// doubts finds comparisons with <NA> of fields that are missing rather than <NA>, and uses of deprecated fields; one of
// each kind.
func doubts(e filter.Expr) []doubt {
	var out []doubt
	add := func(d doubt) {
		if !slices.ContainsFunc(out, func(o doubt) bool { return o.message == d.message }) {
			out = append(out, d)
		}
	}
	filter.Walk(e, func(e filter.Expr) bool {
		if c, ok := e.(*filter.Check); ok && comparesNA(c) {
			add(doubt{off: c.Pos.Offset, code: rulefile.WarnUnsafeNA,
				message: "comparing a field value with <NA> is unsafe and can lead to unpredictable behavior of the rule " +
					"condition. If you need to check for the existence of a field, consider using the 'exists' operator instead."})
		}
		return true
	})
	filter.WalkOperands(e, func(o filter.Operand) {
		f, ok := o.(*filter.Field)
		if !ok {
			return
		}
		if f.Name == "evt.dir" {
			add(doubt{off: f.Pos.Offset, code: rulefile.WarnDeprecated, field: f.Name,
				message: "due to the drop of enter events, 'evt.dir = <' always evaluates to true, and 'evt.dir = >' always " +
					"evaluates to false. The rule expression can be simplified by removing the condition on 'evt.dir'"})
		} else if slices.Contains(deprecatedFields, f.Name) {
			add(doubt{off: f.Pos.Offset, code: rulefile.WarnDeprecated, field: f.Name,
				message: fmt.Sprintf("usage of deprecated field '%s' has been detected in the rule condition", f.Name)})
		}
	})
	return out
}

func comparesNA(c *filter.Check) bool {
	f, ok := c.Left.(*filter.Field)
	if !ok || !strings.HasPrefix(f.Name, "ka.") && !strings.HasPrefix(f.Name, "jevt.") {
		return false
	}
	switch c.Op {
	case filter.OpEq, filter.OpEq2, filter.OpNe, filter.OpIn, filter.OpIntersects, filter.OpPMatch:
		found := false
		filter.WalkOperand(c.Right, func(o filter.Operand) {
			v, ok := o.(*filter.Value)
			found = found || ok && v.Text == "<NA>"
		})
		return found
	}
	return false
}

func isNameByte(c byte) bool {
	return c == '_' || c == '.' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
