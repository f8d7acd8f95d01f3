package filter

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// inexpressible are cases that call functions of the library which a condition can't.
var inexpressible = map[string]string{
	"mock.cpp:198": "a literal and then a field on one right side",
	"mock.cpp:206": "a field and then a literal on one right side",
	"mock.cpp:215": "two fields on one right side",
	"mock.cpp:222": "a list on the right of =",
}

func TestCompareVectors(t *testing.T) {
	type check struct {
		Field        string
		Op           string
		Transformers []string
		RHS          json.RawMessage
		RHSField     *struct{ Field string } `json:"rhs_field"`
	}
	type vector struct {
		Filter, Source, Stage string
		Fields                map[string]vectorValue
		Check                 *check
		Expected              any
	}
	skipped := 0
	for _, v := range readVectors[vector](t, "compare.json") {
		if slices.ContainsFunc(strings.Fields(v.Source), func(w string) bool {
			_, ok := inexpressible[w[strings.LastIndexByte(w, '/')+1:]]
			return ok
		}) {
			skipped++
			continue
		}
		f := sharedFields(t)
		for name, value := range v.Fields {
			f.define(t, fieldName(name), value)
		}
		var err error
		var flt *Filter
		if v.Filter != "" {
			flt, err = f.compile(v.Filter)
		} else {
			c := &Check{Left: &Field{Name: fieldName(v.Check.Field)}, Op: Op(v.Check.Op)}
			for _, name := range v.Check.Transformers {
				c.Left = &Transformer{Name: name, Args: []Operand{c.Left}}
			}
			if v.Check.RHSField != nil {
				c.Right = &Transformer{Name: "val", Args: []Operand{&Field{Name: v.Check.RHSField.Field}}}
			} else {
				c.Right = rightSideOf(t, c.Op, v.Check.RHS)
			}
			flt, err = Compile(c, f.options())
		}
		what := v.Filter
		if what == "" {
			what = v.Check.Field + " " + v.Check.Op + " " + string(v.Check.RHS)
		}
		what = shorten(what)
		if v.Expected == "error" {
			if err == nil {
				t.Errorf("%s: %s compiles", v.Source, what)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %s: %v", v.Source, what, err)
			continue
		}
		got := flt.Match(&event.Event{}, NewScratch())
		if want, ok := v.Expected.(bool); ok && got != want {
			t.Errorf("%s: %s with %v = %v", v.Source, what, v.Fields, got)
		}
	}
	if skipped > len(inexpressible) {
		t.Errorf("%d cases left out, at most %d are known", skipped, len(inexpressible))
	}
}

// fieldName names a field after a case that tests a bare function.
func fieldName(name string) string {
	if name == "(string)" {
		return "test.string"
	}
	return name
}

// define gives a field a value, and makes the field if the reference table lacks it.
func (f *fixture) define(t *testing.T, name string, value vectorValue) {
	t.Helper()
	if param, ok := strings.CutPrefix(name, "evt.rawarg."); ok && value.Type != "" {
		f.kinds["evt.rawarg."+param] = typeByName(t, value.Type)
	}
	if strings.HasPrefix(name, "test.") {
		f.add(field.Info{Name: name, Type: typeByName(t, value.Type), List: value.List != nil})
	}
	if !value.Null {
		f.set(name, value.decode(t))
	}
}

func rightSideOf(t *testing.T, op Op, raw json.RawMessage) Operand {
	t.Helper()
	l := &List{}
	var many []string
	if raw != nil {
		if err := json.Unmarshal(raw, &many); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range many {
		l.Items = append(l.Items, &Value{Text: latin1(s)})
	}
	if op != OpIn && op != OpIntersects && op != OpPMatch && len(l.Items) == 1 {
		return l.Items[0]
	}
	return l
}

func TestMatch(t *testing.T) {
	f := ownFields().
		set("evt.cpu", number(3)).
		set("evt.num", number(-1)). // the greatest number
		set("evt.is_io", number(1)).
		set("evt.buffer", text("a\x00b")).
		set("proc.name", text("nginx")).
		set("proc.pname", text("")).
		set("proc.cmdline", text("nginx -g Daemon off;")).
		set("proc.pid", number(-22)).
		set("proc.args", texts("-g", "daemon")).
		set("proc.pargs", field.Value{}).
		set("proc.aname", texts("sh", "containerd-shim", "systemd")).
		set("proc.aname[1]", text("sh")).
		set("proc.fdusage", field.Value{Float: 1.5}).
		set("user.uid", number(4294967295)).
		set("fd.name", text("/etc/ssl/private/key.pem")).
		set("fd.sip", field.Value{Addr: netip.MustParseAddr("10.1.2.3")}).
		set("fd.cip", field.Value{Addr: netip.MustParseAddr("fd00::1")}).
		set("fd.snet", field.Value{Net: netip.MustParsePrefix("10.1.2.3/32")}).
		set("fd.sport", number(443)).
		set("fd.ip", addrs("10.1.2.3", "192.168.0.9")).
		set("fd.net", addrs("10.1.2.3", "192.168.0.9")).
		set("fd.port", field.Value{List: []field.Value{number(40000), number(443)}})
	for _, tt := range []struct {
		text string
		want bool
	}{
		// Texts.
		{"proc.name = nginx", true},
		{"proc.name == NGINX", false},
		{"proc.name != nginx", false},
		{"proc.name <= 9", false},
		{"proc.name >= val(proc.name) and proc.name > val(proc.pname)", true},
		{"proc.name > 1", true},
		{"proc.name contains gin", true},
		{"proc.name contains ''", true},
		{"proc.pname startswith ''", true},
		{"proc.cmdline icontains dAEMON", true},
		{"proc.cmdline contains dAEMON", false},
		{"proc.cmdline icontains 'daemon off;;'", false},
		{"proc.name startswith ng and proc.name endswith nx", true},
		{"proc.pname exists", true},
		{"proc.pname = ''", true},
		{"proc.pname glob '*'", true},
		{"proc.pname glob '?'", false},
		// Globs.
		{"fd.name glob /etc/*.pem", true},
		{"fd.name glob *private*", true},
		{"fd.name glob /etc/ssl", false},
		{"fd.name glob '/e[st]?/*/key.[!a-o]em'", true},
		{"fd.name glob '/[[:alpha:]]*'", true},
		{"fd.name glob /ETC/*", false},
		{"fd.name iglob /ETC/*", true},
		{"fd.name iglob '/[D-F]tc/*'", true},
		{"fd.name glob '[/etc*'", false},
		// Regular expressions.
		{"proc.name regex 'n.*x'", true},
		{"proc.name regex 'n.*'", true},
		{"proc.name regex gin", false},
		{"proc.name regex 'a|nginx'", true},
		{"proc.name regex '(?i)NGINX'", true},
		// Paths.
		{"fd.name pmatch (/etc/ssl)", true},
		{"fd.name pmatch (/etc/ss)", false},
		{"fd.name pmatch (/etc/ssl/private/key.pem)", true},
		{"fd.name pmatch (/etc/ssl/private/key.pem/x)", false},
		{"fd.name pmatch (/usr, /etc/*/priv*)", true},
		{"fd.name pmatch (etc//ssl/)", true},
		{"fd.name pmatch ('')", true},
		{"fd.name pmatch (/)", true},
		{"fd.name pmatch ()", false},
		// Sets.
		{"proc.name in (a, nginx)", true},
		{"proc.name in (a, b, c, d, e, f, nginx)", true},
		{"proc.name in (a, b, c, d, e, f)", false},
		{"proc.name in ()", false},
		{"not proc.name in ()", true},
		{"proc.name intersects (a, nginx)", true},
		{"proc.name in names", false},
		{"proc.args in (-g, daemon, x)", true},
		{"proc.args in (-g)", false},
		{"proc.args intersects (-g, x)", true},
		{"proc.args intersects (x)", false},
		{"proc.args in val(proc.args)", true},
		{"proc.pargs in val(proc.args)", true},
		{"proc.args in val(proc.pargs)", false},
		{"proc.args intersects val(proc.pargs)", false},
		{"proc.pargs exists", true},
		{"proc.pargs in ()", true},
		// Modifiers.
		{"proc.name startswith anyof (a, ng, nginx)", true},
		{"proc.name startswith anyof (b, ngx, o)", false},
		{"proc.name startswith allof (n, ng)", true},
		{"proc.name startswith oneof (n, ng)", false},
		{"proc.name = oneof (nginx, a)", true},
		{"proc.name = oneof (nginx, nginx)", false},
		{"proc.name != allof (a, b)", true},
		{"proc.name != anyof (a, nginx)", true},
		{"proc.name contains allof ()", false},
		{"proc.name = anyof nginx", true},
		// Numbers.
		{"evt.cpu = \" +3\" and evt.cpu = 03", true},
		{"evt.cpu < 40000 and evt.cpu > -40000", true},
		{"evt.cpu = 65539", false},
		{"proc.pid < 0 and proc.pid >= -22", true},
		{"proc.pid > 4294967295", false},
		{"proc.pid in (1, 2, 3, 4, 5, -22)", true},
		{"evt.num > 9223372036854775807", true},
		{"evt.num = 18446744073709551615 and evt.num = -1", true},
		{"user.uid = -1 and user.uid = 4294967295", true},
		{"proc.fdusage > 1 and proc.fdusage < 2", true},
		{"proc.fdusage in (1, 2)", false},
		{"evt.is_io = true and evt.is_io != false", true},
		{"evt.is_io in (false)", false},
		// Bytes.
		{"evt.buffer bcontains 0062 and evt.buffer bstartswith 61", true},
		{"evt.buffer contains b and evt.buffer endswith b", true},
		{`evt.buffer = "a\x00b"`, true},
		// Addresses.
		{"fd.sip = 10.1.2.3", true},
		{"fd.snet = 10.0.0.0/8", true},
		{"fd.snet in (1.1.1.1/32, 10.1.0.0/16)", true},
		{"fd.snet = fd00::/8", false},
		{"fd.snet != fd00::/8", true},
		{"fd.cip = fd00:0::1", true},
		{"fd.cip in (fd00::1)", true},
		{"fd.snet in (192.168.0.0/16, 10.1.2.200/24)", true},
		{"fd.snet != 10.0.0.0/8", false},
		{"fd.sport = https", true},
		{"fd.sport in (ssh, https)", true},
		// Either end.
		{"fd.ip = 192.168.0.9", true},
		{"fd.ip != 192.168.0.9", false},
		{"fd.ip != 1.1.1.1", true},
		{"fd.ip in (1.1.1.1, 10.1.2.3)", true},
		{"fd.port > 1000", true},
		{"fd.port < 1000", true},
		{"fd.port != 443", false},
		{"fd.net = 192.168.0.0/16", true},
		{"fd.net in (192.168.0.0/16, 1.1.1.0/24)", true},
		{"fd.net in (1.1.1.0/24, 192.168.0.0/16)", false}, // only the first one counts
		{"fd.port = anyof (80, 443)", true},
		// Ancestors.
		{"proc.aname = systemd", true},
		{"proc.aname != systemd", true},
		{"not proc.aname = systemd", false},
		{"proc.aname in (x, sh)", true},
		{"proc.aname startswith container", true},
		{"proc.aname[1] = sh", true},
		{"proc.aname[1] != sh", false},
		{"proc.aname[2] exists", false},
		{"proc.aname exists", true},
		{"proc.aname contains allof (s, h)", true},
		{"proc.aname contains allof (h, y)", false},
		// Missing.
		{"fd.directory = x", false},
		{"fd.directory != x", false},
		{"fd.directory < 1", false},
		{"fd.directory in (x)", false},
		{"fd.directory pmatch ('')", false},
		{"fd.directory contains ''", false},
		{"fd.directory glob *", false},
		{"fd.directory exists", false},
		{"fd.directory != allof (x)", false},
		{"not fd.directory = x", true},
		{"not fd.directory != x", true},
		{"not fd.directory in (x)", true},
		{"not fd.directory exists", true},
		{"proc.name = val(fd.directory)", false},
		{"tolower(fd.directory) = x", false},
		{"concat(proc.name, fd.directory) exists", false},
		{"fd.directory = '<NA>'", false},
		// Sides.
		{"proc.name = val(proc.name)", true},
		{"proc.name != val(proc.pname)", true},
		{"proc.cmdline startswith val(proc.name)", true},
		{"proc.pid <= val(proc.pid)", true},
		{"proc.name in val(proc.name)", true},
		{"proc.name icontains toupper(proc.name)", true},
		{"toupper(proc.name) = NGINX", true},
		{"len(proc.args) = 2 and len(proc.name) > 4", true},
		{"fd.sip = val(fd.cip)", false},
		{"fd.sip != val(fd.cip)", true},
		// Logic.
		{"proc.name = a or proc.name = nginx", true},
		{"not (proc.name = a or proc.name = nginx)", false},
		{"proc.name = nginx and not proc.name startswith a", true},
		{"fd.directory = a or not fd.directory = b", true},
		{"not fd.directory = a and not fd.directory = b", true},
		{"evt.cpu = 3 and (proc.name = a or (proc.pid = -22 and not evt.is_io = false))", true},
	} {
		if got := f.match(t, tt.text); got != tt.want {
			t.Errorf("%s = %v", tt.text, got)
		}
	}
}

// Broken UTF-8 is repaired for regular expressions, one U+FFFD for each part of a character, and for nothing else.
func TestMatchBrokenUTF8(t *testing.T) {
	for _, tt := range []struct {
		value, text string
		want        bool
	}{
		{"a\xffb", `proc.name regex "a.b"`, true},
		{"a\xff\xfeb", `proc.name regex "a..b"`, true},
		{"a\xe1\x80b", `proc.name regex "a.b"`, true},
		{"a\xed\xa0\x80b", `proc.name regex "a...b"`, true},
		{"a\xf0\x9f\x98", `proc.name regex "a."`, true},
		{"\xffé", `proc.name regex ".\xc3\xa9"`, true},
		{"aéb", `proc.name regex "a.b"`, true},
		{"aéb", `proc.name glob "a?b"`, false},
		{"a\xffb", `proc.name glob "a?b"`, true},
		{"a\xffb", `proc.name = "a\xffb"`, true},
	} {
		f := ownFields().set("proc.name", text(tt.value))
		if got := f.match(t, tt.text); got != tt.want {
			t.Errorf("%s with %q = %v", tt.text, tt.value, got)
		}
	}
}

// One scratch serves filters one after the other; what one left behind must not show in the next.
func TestScratchIsReused(t *testing.T) {
	f := ownFields().set("proc.args", texts("a", "b")).set("proc.name", text("sh"))
	s := NewScratch()
	for range 3 {
		for text, want := range map[string]bool{
			`getopt(("-a", "-b"), "ab") in (a, b)`:                                              true,
			`toupper(proc.name) in (SH)`:                                                        true,
			`join(proc.name, ("x", "y")) = xshy`:                                                true,
			`join("-", (proc.name, proc.name)) = val(proc.name)`:                                false,
			`tolower(proc.args) in (a, b)`:                                                      true,
			`toupper(proc.args) in val(proc.args)`:                                              false,
			`getopt(proc.args, "ab") in (a)`:                                                    true, // no option: an empty list
			`concat(proc.name, join("", (proc.name, "x"))) = concat("sh", toupper(proc.pname))`: false,
		} {
			flt, err := f.compile(text)
			if err != nil {
				t.Fatalf("compile %s: %v", text, err)
			}
			if got := flt.Match(&event.Event{}, s); got != want {
				t.Errorf("%s = %v", text, got)
			}
			if s.used != 0 {
				t.Fatalf("%s leaves %d values lent", text, s.used)
			}
		}
	}
}
