package filter

import (
	"strings"
	"testing"
	"time"
)

func TestMatchGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		fold, want bool
	}{
		{"", "", false, true},
		{"", "a", false, false},
		{"*", "", false, true},
		{"**a**", "xay", false, true},
		{"a*b*c", "a1b2b3c", false, true},
		{"a*b*c", "a1b2b3", false, false},
		{"?", "", false, false},
		{"a?c", "a/c", false, true},
		{`a\*c`, "a*c", false, true},
		{`a\*c`, "abc", false, false},
		{`a\`, `a\`, false, false},
		{"[abc]", "b", false, true},
		{"[!abc]", "b", false, false},
		{"[^abc]", "d", false, true},
		{"[a-c-]", "-", false, true},
		{"[]a]", "]", false, true},
		{"[!]a]", "]", false, false},
		{`[\]a]`, "]", false, true},
		{`[\a-\c]`, "b", false, true},
		{"[a", "[a", false, true},
		{"x[", "x[", false, true},
		{"[A-C]", "b", true, true},
		{"[!A-C]", "b", true, false},
		{"AbC", "aBc", true, true},
		{"AbC", "aBc", false, false},
		{"[[:upper:]]", "a", true, true},
		{"[[:upper:]]", "a", false, false},
		{"[[:alpha:]][[:digit:]][[:alnum:]]", "a1_", false, false},
		{"[[:alpha:]][[:digit:]][[:alnum:]]", "a1b", false, true},
		{"[[:lower:]][[:space:]][[:blank:]]", "a\n\t", false, true},
		{"[[:punct:]][[:print:]][[:graph:]]", "! ~", false, true},
		{"[[:cntrl:]][[:xdigit:]][[:nosuch:]x]", "\x01Fx", false, true},
		{"[[:alpha]", ":", false, true},
	} {
		if got := matchGlob(tt.pattern, tt.s, tt.fold); got != tt.want {
			t.Errorf("matchGlob(%q, %q, %v) = %v", tt.pattern, tt.s, tt.fold, got)
		}
	}
}

// A pattern that makes naive matchers take exponential time.
func TestMatchGlobIsBounded(t *testing.T) {
	start := time.Now()
	if matchGlob(strings.Repeat("*a", 120)+"b", strings.Repeat("a", 4096), false) {
		t.Error("matches")
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("took %v", d)
	}
}

// The cheap forms of a pattern mean what the pattern means.
func TestGlobPred(t *testing.T) {
	values := []string{"", "a", "ab", "ba", "aba", "b*", "*", `a\`}
	for _, pattern := range []string{"", "*", "**", "a", "a*", "*a", "*a*", "**a**", "a*a", "?", `a\\`, "[a]", `\*`, "b*"} {
		p := globPred(pattern, false)
		for _, s := range values {
			v := text(s)
			if got, want := p.test(&v, nil), matchGlob(pattern, s, false); got != want {
				t.Errorf("%q as %T with %q = %v, want %v", pattern, p, s, got, want)
			}
		}
	}
}

func TestPathSet(t *testing.T) {
	s := newPathSet([]string{"/var/run", "/var/run/dmesg", "/etc/", "//opt/*/bin", "/opt/*/sbin/x", "/opt/a/lib"})
	for path, want := range map[string]bool{
		"/var/run":        true,
		"/var/run/docker": true,
		"/var":            false,
		"/var/runs":       false,
		"/etc":            true,
		"etc/passwd":      true,
		"/":               false,
		"":                false,
		"/opt/a/bin/x":    true, // the literal branch fails, the glob's does not
		"/opt/a/lib/x":    true,
		"/opt/b/lib/x":    false,
		"/opt/b/sbin/x/y": true,
		"/opt/b/sbin":     false,
	} {
		if got := s.match(path); got != want {
			t.Errorf("match(%q) = %v", path, got)
		}
	}
}

func TestTextPrefix(t *testing.T) {
	entries := []string{"/etc", "/etc/ssl", "/opt", "/op", "b", "/var/log"}
	p := newTextPrefix(entries)
	for _, s := range []string{"", "/", "/e", "/etc", "/etcx", "/op", "/opx", "/opt/x", "/var/lo", "/var/log/x", "a", "b", "bc", "c"} {
		want := false
		for _, e := range entries {
			want = want || strings.HasPrefix(s, e)
		}
		v := text(s)
		if got := p.test(&v, nil); got != want {
			t.Errorf("prefix of %q = %v", s, got)
		}
	}
}
