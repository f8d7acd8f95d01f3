package render

import (
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/saker-sensor/saker/internal/field"
)

// RedactorSettings say what is a secret.
type RedactorSettings struct {
	// Defaults are the forms of secrets that are known: passwords and tokens of command lines, URLs, headers and variables, and what is a
	// secret by its own form.
	Defaults bool
	// Patterns are more of them, in RE2's syntax. What their groups match is the secret, or all that they match if they have none.
	Patterns []string
	// Count counts the secrets that were replaced; nil counts nothing.
	Count *atomic.Uint64
}

// maxPatterns bounds RedactorSettings.Patterns.
const maxPatterns = 32

// Redactor replaces secrets in the values that alerts show. A nil one replaces nothing. It is safe for several goroutines at once.
type Redactor struct {
	exprs  []*regexp.Regexp
	screen *screen
	// always are the expressions that the screen can't judge.
	always uint64
	// variable fits the names of secret environment variables; nil without the defaults.
	variable *regexp.Regexp
	count    *atomic.Uint64
}

// redacted stands in for a secret.
const redacted = "[redacted]"

// NewRedactor compiles the patterns. The error names the first one that is none.
func NewRedactor(s RedactorSettings) (*Redactor, error) {
	if len(s.Patterns) > maxPatterns {
		return nil, fmt.Errorf("%d patterns are too many; use at most %d", len(s.Patterns), maxPatterns)
	}
	r := &Redactor{count: s.Count}
	if r.count == nil {
		r.count = &atomic.Uint64{}
	}
	var literals [][]string
	add := func(expr *regexp.Regexp, need []string) {
		if len(need) == 0 {
			r.always |= 1 << len(r.exprs)
		}
		r.exprs, literals = append(r.exprs, expr), append(literals, need)
	}
	if s.Defaults {
		for _, form := range defaultSecrets() {
			add(regexp.MustCompile(form.expr), form.literals)
		}
		r.variable = regexp.MustCompile(secretVariable())
	}
	for _, p := range s.Patterns {
		expr, err := compilePattern(p)
		if err != nil {
			return nil, err
		}
		var need []string
		if prefix, _ := expr.LiteralPrefix(); prefix != "" {
			need = []string{field.Lower(prefix)}
		}
		add(expr, need)
	}
	r.screen = newScreen(literals)
	return r, nil
}

func compilePattern(pattern string) (*regexp.Regexp, error) {
	expr, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("compile pattern %q: %w", pattern, err)
	}
	if expr.MatchString("") {
		return nil, fmt.Errorf("compile pattern %q: it fits an empty text; name what surrounds the secret", pattern)
	}
	return expr, nil
}

// Text replaces the secrets of a text and keeps the rest. A text without one is returned as it is.
func (r *Redactor) Text(text string) string {
	if r == nil {
		return text
	}
	maybe := r.always | r.screen.sets(text)
	for i := 0; maybe != 0; i, maybe = i+1, maybe>>1 {
		if maybe&1 != 0 {
			text = r.replace(r.exprs[i], text)
		}
	}
	return text
}

func (r *Redactor) replace(expr *regexp.Regexp, text string) string {
	matches := expr.FindAllStringSubmatchIndex(text, -1)
	if matches == nil {
		return text
	}
	var b strings.Builder
	kept := 0
	for _, m := range matches {
		if len(m) > 2 {
			m = m[2:] // the groups
		}
		for ; len(m) > 0; m = m[2:] {
			// Groups may be empty, absent, or one inside another; what another pattern has replaced is done.
			if m[0] < kept || m[0] == m[1] || strings.EqualFold(text[m[0]:m[1]], redacted) {
				continue
			}
			b.WriteString(text[kept:m[0]])
			b.WriteString(redacted)
			kept = m[1]
			r.count.Add(1)
		}
	}
	b.WriteString(text[kept:])
	return b.String()
}

// value replaces the secrets of a field's value.
func (r *Redactor) value(ref *field.Ref, v *field.Value) {
	if group := ref.Kind.Group(); r == nil || group != field.Text && group != field.Bytes {
		return
	}
	if v.Str != "" && r.isVariable(ref) {
		v.Str = redacted
		r.count.Add(1)
		return
	}
	v.Str = r.Text(v.Str)
	v.List = r.list(v.List)
}

// list replaces the secrets of a list's texts. The list may be the event's, and is left as it is.
func (r *Redactor) list(list []field.Value) []field.Value {
	if r == nil || len(list) == 0 {
		return list
	}
	out := make([]field.Value, len(list))
	for i := range list {
		out[i] = list[i]
		out[i].Str = r.Text(list[i].Str)
	}
	return out
}

// isVariable tells whether a field is an environment variable whose name says that it is a secret.
func (r *Redactor) isVariable(ref *field.Ref) bool {
	return ref.Args.Set && r.variable != nil && (ref.Name == "proc.env" || ref.Name == "proc.aenv") && r.variable.MatchString(ref.Args.Text)
}
