package filter

import (
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

// literalFields has one field of each type that literals are read for.
func literalFields() *fixture {
	f := newFixture(
		field.Info{Name: "t.i8", Type: field.Int8}, field.Info{Name: "t.i16", Type: field.Int16},
		field.Info{Name: "t.i32", Type: field.Int32}, field.Info{Name: "t.i64", Type: field.Int64},
		field.Info{Name: "t.errno", Type: field.Errno}, field.Info{Name: "t.fd", Type: field.FD}, field.Info{Name: "t.pid", Type: field.PID},
		field.Info{Name: "t.u8", Type: field.Uint8}, field.Info{Name: "t.u16", Type: field.Uint16},
		field.Info{Name: "t.u32", Type: field.Uint32}, field.Info{Name: "t.u64", Type: field.Uint64},
		field.Info{Name: "t.flags", Type: field.Flags32}, field.Info{Name: "t.mode", Type: field.Mode},
		field.Info{Name: "t.reltime", Type: field.RelTime}, field.Info{Name: "t.abstime", Type: field.AbsTime},
		field.Info{Name: "t.port", Type: field.Port}, field.Info{Name: "t.double", Type: field.Double},
		field.Info{Name: "t.uid", Type: field.UID}, field.Info{Name: "t.gid", Type: field.GID},
		field.Info{Name: "t.sig", Type: field.SigType}, field.Info{Name: "t.syscall", Type: field.SyscallID},
		field.Info{Name: "t.bool", Type: field.Bool}, field.Info{Name: "t.text", Type: field.CharBuf},
		field.Info{Name: "t.bytes", Type: field.ByteBuf},
		field.Info{Name: "t.sip", Type: field.IPAddr}, field.Info{Name: "t.snet", Type: field.IPNet},
		field.Info{Name: "t.pids", Type: field.PID, List: true}, field.Info{Name: "t.nums", Type: field.Uint64, List: true},
	)
	for _, name := range []string{
		"t.i8", "t.i16", "t.i32", "t.i64", "t.errno", "t.fd", "t.pid", "t.u8", "t.u16", "t.u32", "t.u64", "t.flags",
		"t.mode", "t.reltime", "t.abstime", "t.port",
	} {
		f.set(name, number(5))
	}
	f.set("t.double", field.Value{Float: 5})
	return f
}

// integers are the fields of [literalFields] that read whole numbers.
var integers = strings.Fields("t.i8 t.i16 t.i32 t.i64 t.errno t.fd t.pid t.u8 t.u16 t.u32 t.u64 t.flags t.mode t.reltime t.abstime")

// What scanf(3) reads as a number is one, and nothing else, for every operator and every numeric type.
func TestNumberForms(t *testing.T) {
	f := literalFields()
	for _, tt := range []struct {
		text string
		ok   bool
	}{
		{"5", true}, {"+5", true}, {"05", true}, {"0005", true}, {`" 5"`, true}, {`"\t\r\n\f 5"`, true}, {`" +5"`, true},
		{"0x5", false}, {"0X5", false}, {"5.0", false}, {"5.", false}, {"5e+0", false}, {`"5 "`, false}, {`""`, false},
		{`" "`, false}, {`"+ 5"`, false}, {"++5", false}, {"5a", false}, {"five", false}, {"1_0", false}, {`"\x0b5"`, true},
		{"0b101", false}, {"0o5", false}, {"٥", false}, {"Inf", false},
	} {
		for _, name := range append(integers, "t.double") {
			for _, condition := range []string{
				name + " = " + tt.text, name + " == " + tt.text, "not " + name + " != " + tt.text, name + " in (" + tt.text + ")",
				name + " intersects (7, " + tt.text + ")", name + " = anyof (" + tt.text + ", 7)",
			} {
				flt, err := f.compile(condition)
				if (err == nil) != tt.ok {
					t.Errorf("%s: error = %v, want one = %v", condition, err, !tt.ok)
				}
				if err == nil && !flt.Match(nil, NewScratch()) {
					t.Errorf("%s is false", condition)
				}
			}
		}
	}
	for _, condition := range []string{"t.u32 < 0x10", "t.i64 >= 0x1", "t.u8 <= 1.5", "t.i8 > 1e+3", "t.u64 in (1, 0x2)"} {
		if _, err := f.compile(condition); err == nil {
			t.Errorf("%s compiles", condition)
		}
	}
	_, err := f.compile("t.u32 = 0x1F")
	if err == nil || !strings.Contains(err.Error(), "(write 31)") {
		t.Errorf("error %v names no remedy", err)
	}
}

// A number that needs more than 64 bits is the greatest or the least one; an unsigned one wraps around.
func TestNumberLimits(t *testing.T) {
	for _, tt := range []struct {
		field string
		value int64
		text  string
	}{
		{"t.u64", -1, "18446744073709551615"}, {"t.u64", -1, "18446744073709551616"}, {"t.u64", -1, "-1"},
		{"t.u64", -1, "-18446744073709551616"}, {"t.u64", 1, "-18446744073709551615"}, {"t.u64", math.MinInt64, "9223372036854775808"},
		{"t.reltime", -1, "99999999999999999999999"}, {"t.abstime", -1, "99999999999999999999999"},
		{"t.i64", math.MaxInt64, "9223372036854775807"}, {"t.i64", math.MaxInt64, "9223372036854775808"},
		{"t.pid", math.MaxInt64, "18446744073709551616"}, {"t.i64", math.MinInt64, "-9223372036854775808"},
		{"t.fd", math.MinInt64, "-9223372036854775809"}, {"t.errno", math.MinInt64, "-99999999999999999999999"},
		{"t.u32", math.MaxUint32, "-1"}, {"t.u32", 0, "-4294967296"}, {"t.u8", 255, "-1"}, {"t.u16", 65535, "-1"},
		{"t.i8", -128, "-128"}, {"t.i32", math.MaxInt32, "2147483647"},
	} {
		if f := literalFields().set(tt.field, number(tt.value)); !f.match(t, tt.field+" = "+tt.text) {
			t.Errorf("%s = %s is false of %d", tt.field, tt.text, tt.value)
		}
	}
}

// A number that the type can't hold loads, as in Falco, and equals none of the type's.
func TestNumberOutsideItsType(t *testing.T) {
	for _, tt := range []struct{ field, text, order string }{
		{"t.u8", "261", "<"}, {"t.u16", "65541", "<"}, {"t.u32", "4294967301", "<"}, {"t.i8", "261", "<"}, {"t.i8", "-251", ">"},
		{"t.i16", "65541", "<"}, {"t.i32", "4294967301", "<"}, {"t.mode", "4294967301", "<"}, {"t.flags", "4294967301", "<"},
		{"t.port", "65541", "<"}, {"t.u8", "99999999999999999999999", "<"}, {"t.i8", "-99999999999999999999999", ">"},
	} {
		f := literalFields()
		if f.match(t, tt.field+" = "+tt.text) || f.match(t, tt.field+" in ("+tt.text+")") {
			t.Errorf("%s = %s is true of 5", tt.field, tt.text)
		}
		if !f.match(t, tt.field+" != "+tt.text) || !f.match(t, tt.field+" "+tt.order+" "+tt.text) {
			t.Errorf("%s %s %s is false of 5", tt.field, tt.order, tt.text)
		}
	}
}

// Ports are digits or the name of a service.
func TestPortForms(t *testing.T) {
	f := literalFields().set("t.port", number(80))
	for _, text := range []string{"80", "080", "http"} {
		if !f.match(t, "t.port = "+text) || !f.match(t, "t.port in (1, "+text+")") {
			t.Errorf("t.port = %s is false of 80", text)
		}
	}
	if f = literalFields().set("t.port", number(0)); !f.match(t, `t.port = ""`) {
		t.Error(`t.port = "" is false of 0`)
	}
	for _, text := range []string{"-1", "+80", `" 80"`, `"80 "`, "0x50", "80.0", "HTTP", "nosuchservice", "2147483648",
		"99999999999999999999"} {
		for _, op := range []string{" = ", " != ", " in (1, ", " = oneof ("} {
			condition := "t.port" + op + text
			if strings.Contains(op, "(") {
				condition += ")"
			}
			if _, err := f.compile(condition); err == nil {
				t.Errorf("%s compiles", condition)
			}
		}
	}
}

// What inet_pton(3) reads as an address is one, and nothing else.
func TestAddressForms(t *testing.T) {
	f := literalFields().set("t.sip", field.Value{Addr: netip.MustParseAddr("10.1.2.3")})
	if !f.match(t, "t.sip = 10.1.2.3 and t.sip in (::1, 10.1.2.3) and t.sip != ::ffff:a01:203") {
		t.Error("10.1.2.3 is not itself, or is the IPv6 address that maps it")
	}
	f.set("t.sip", field.Value{Addr: netip.MustParseAddr("fd00::1")})
	if !f.match(t, "t.sip = FD00::1 and t.sip = fd00:0:0::0001 and t.sip = fd00:0:0:0:0:0:0:1") {
		t.Error("fd00::1 is not itself")
	}
	for _, text := range []string{
		"10.0.0.0/8", "10.1.2.3/32", "::1/128", "::ffff:10.1.2.3", "::10.1.2.3", "fe80::1%eth0", "10.1.2", "10.1.2.03", "10.1.2.256",
		"10.1.2.3.4",
		"0x0a010203", "167838211", `" 10.1.2.3"`, `"10.1.2.3 "`, `""`, "localhost", "fd00", "fd00::12345", "fd00:::1", ":", "1:2:3:4:5:6:7:8::",
		"[::1]",
	} {
		for _, condition := range []string{"t.sip = " + text, "t.sip != " + text, "t.sip in (" + text + ")", "t.sip = anyof (" + text + ")"} {
			if _, err := f.compile(condition); err == nil {
				t.Errorf("%s compiles", condition)
			}
		}
	}
	_, err := f.compile("t.sip = 10.0.0.0/8")
	if err == nil || !strings.Contains(err.Error(), "compare a network with t.snet") {
		t.Errorf("error %v names no remedy", err)
	}
}

// TestAddressAfterNetwork: what a network was compared with before says nothing of an address.
func TestAddressAfterNetwork(t *testing.T) {
	var addr netip.Addr
	opt := CompileOptions{Dictionary: field.NewDictionary(
		field.Info{Name: "t.sip", Type: field.IPAddr, Extract: func(_ *event.Event, _ field.Arg, v *field.Value) bool {
			v.Addr = addr
			return true
		}},
		field.Info{Name: "t.snet", Type: field.IPNet, Extract: func(_ *event.Event, _ field.Arg, v *field.Value) bool {
			v.Addr, v.Net = addr, netip.PrefixFrom(addr, addr.BitLen())
			return true
		}},
	)}
	flt, s := compileFor(t, "t.sip = 10.1.2.3 and not t.snet in (172.16.0.0/12)", opt), NewScratch()
	for _, text := range []string{"10.1.2.3", "10.1.2.4", "10.1.2.3", "10.1.2.3", "10.1.2.4"} {
		addr = netip.MustParseAddr(text)
		if got, want := flt.Match(&event.Event{}, s), text == "10.1.2.3"; got != want {
			t.Errorf("of %s the condition is %v", text, got)
		}
	}
}

func TestNetworkForms(t *testing.T) {
	for _, tt := range []struct{ addr, text string }{
		{"10.1.2.3", "10.0.0.0/8"}, {"10.1.2.3", "10.1.2.3/08"}, {"10.1.2.3", `"10.0.0.0/ 8"`}, {"10.1.2.3", "10.9.9.9/+8"},
		{"10.1.2.3", "0.0.0.0/0"}, {"10.1.2.3", "10.1.2.3/32"}, {"fd00::1", "fd00::/8"}, {"fd00::1", "fd00::/008"},
		{"fd00::1", "fd00::1/128"}, {"fd00::1", "8000::/1"}, {"::ffff:a01:203", "::ffff:a00:0/104"},
	} {
		f := literalFields().set("t.snet", field.Value{Addr: netip.MustParseAddr(tt.addr)})
		if !f.match(t, "t.snet = "+tt.text) || !f.match(t, "t.snet in (1.1.1.1/32, "+tt.text+")") || f.match(t, "t.snet != "+tt.text) {
			t.Errorf("t.snet = %s is false of %s", tt.text, tt.addr)
		}
	}
	for _, tt := range []struct{ addr, text string }{{"::ffff:a01:203", "10.0.0.0/8"}, {"10.1.2.3", "::ffff:a00:0/104"},
		{"fd00::1", "0.0.0.0/0"}} {
		f := literalFields().set("t.snet", field.Value{Addr: netip.MustParseAddr(tt.addr)})
		if f.match(t, "t.snet = "+tt.text) {
			t.Errorf("t.snet = %s is true of %s", tt.text, tt.addr)
		}
	}
	for _, text := range []string{
		"10.1.2.3", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/a", "10.0.0.0/0x8", `"10.0.0.0/8 "`, "10.0.0.0/255.0.0.0",
		"10.0.0.0/8/8",
		"10.0.0/8", "/8", "::/0", "::/129", "::1", "::ffff:10.0.0.0/104", "fe80::1%eth0/64", "10.0.0.0/264", "10.0.0.0/-250", "fd00::/264",
		"10.0.0.0/18446744073709551616", `""`, "fd00::/",
	} {
		for _, condition := range []string{"t.snet = " + text, "t.snet in (" + text + ")", "t.snet != anyof (" + text + ")"} {
			_, err := literalFields().compile(condition)
			var ce *CompileError
			if !errors.As(err, &ce) {
				t.Errorf("%s: error = %v, want a CompileError", condition, err)
			}
		}
	}
}

// Types that Falco can't compare, or reads no literals of.
func TestTypesWithoutOperators(t *testing.T) {
	f := literalFields()
	for _, name := range []string{"t.uid", "t.gid", "t.sig", "t.syscall", "t.pids"} {
		for _, condition := range []string{" = 5", " != 5", " < 5", " in (5)", " intersects (5)", " = anyof (5)"} {
			if _, err := f.compile(name + condition); err == nil {
				t.Errorf("%s%s compiles", name, condition)
			}
		}
		if _, err := f.compile(name + " exists"); err != nil {
			t.Error(err)
		}
	}
	for _, condition := range []string{"t.nums in (1)", "t.nums intersects (1, 2)"} {
		if _, err := f.compile(condition); err != nil {
			t.Error(err)
		}
	}
}

func TestBoolForms(t *testing.T) {
	f := literalFields().set("t.bool", number(1))
	if !f.match(t, "t.bool = true and t.bool != false and t.bool in (true)") {
		t.Error("true is not true")
	}
	for _, text := range []string{"1", "0", "True", "TRUE", "yes", `""`, `" true"`} {
		if _, err := f.compile("t.bool = " + text); err == nil {
			t.Errorf("t.bool = %s compiles", text)
		}
	}
}

func TestLiteralLength(t *testing.T) {
	f := literalFields()
	long := strings.Repeat("x", maxLiteral)
	for _, condition := range []string{"t.text = ", "t.bytes = ", "t.text contains ", "t.bytes startswith "} {
		if _, err := f.compile(condition + long); err != nil {
			t.Error(err)
		}
		if _, err := f.compile(condition + long + "x"); err == nil {
			t.Errorf("%s takes %d bytes", condition, maxLiteral+1)
		}
	}
}
