package field

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/testutil"
)

func TestAppend(t *testing.T) {
	for _, tc := range []struct {
		name       string
		in         Info
		v          Value
		absent     bool
		text, json string
	}{
		{name: "missing", absent: true, text: "<NA>", json: "null"},
		{name: "text", v: Value{Str: "a\"<b>&\n"}, text: "a\"<b>&\n", json: `"a\"<b>&\n"`},
		{name: "signed", in: Info{Type: Int64, Format: ID}, v: Value{Num: -1}, text: "-1", json: "-1"},
		{name: "unsigned", in: Info{Type: Uint64, Format: Dec}, v: Value{Num: -1}, text: "18446744073709551615",
			json: "18446744073709551615"},
		{name: "hex", in: Info{Type: Int32, Format: Hex}, v: Value{Num: 0xfd01}, text: "FD01", json: `"FD01"`},
		{name: "hex zero", in: Info{Type: Int32, Format: Hex}, text: "0", json: `"0"`},
		{name: "octal", in: Info{Type: Uint32, Format: Oct}, v: Value{Num: 0o644}, text: "644", json: `"644"`},
		{name: "padded", in: Info{Type: AbsTime, Format: Padded10}, v: Value{Num: 1234}, text: "000001234", json: `"000001234"`},
		{name: "padded zero", in: Info{Type: AbsTime, Format: Padded10}, text: "000000000", json: `"000000000"`},
		{name: "padded full", in: Info{Type: AbsTime, Format: Padded10}, v: Value{Num: 123456789}, text: "123456789", json: `"123456789"`},
		{name: "bool", in: Info{Type: Bool}, v: Value{Num: 1}, text: "true", json: "true"},
		{name: "double", in: Info{Type: Double}, v: Value{Float: 2.75}, text: "2.8", json: "2.75"},
		{name: "decimal double", in: Info{Type: Double, Format: Dec}, v: Value{Float: 2.75}, text: "2.8", json: "2"},
		{name: "address", in: Info{Type: IPAddr}, v: Value{Addr: netip.MustParseAddr("::1")}, text: "::1", json: `"::1"`},
		{name: "bytes", in: Info{Type: ByteBuf}, v: Value{Str: "a\x00\"\xff"}, text: "a.\".", json: `"a.\"."`},
		{name: "time", in: Info{Flags: JSONNumber}, v: Value{Str: "12:00", Num: 5}, text: "12:00", json: "5"},
		{name: "list", in: Info{List: true}, v: Value{List: []Value{{Str: "a"}, {Str: "b"}}}, text: "(a,b)", json: `["a","b"]`},
		{name: "empty list", in: Info{List: true, Type: Uint64}, text: "()", json: "[]"},
		{name: "list of numbers", in: Info{List: true, Type: Uint64}, v: Value{List: []Value{{Num: 1}, {Num: 2}}}, text: "(1,2)",
			json: "[1,2]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := Ref{Info: &tc.in, Kind: tc.in.Type}
			if got := string(r.AppendText(nil, &tc.v, !tc.absent)); got != tc.text {
				t.Errorf("text: got %s, want %s", got, tc.text)
			}
			if got := string(r.AppendJSON(nil, &tc.v, !tc.absent)); got != tc.json {
				t.Errorf("JSON: got %s, want %s", got, tc.json)
			}
		})
	}
}

// bytesOf reads a text of the vectors: itself, or {"latin1_bytes_hex": …}.
func bytesOf(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var h struct {
		Hex string `json:"latin1_bytes_hex"`
	}
	if err := json.Unmarshal(raw, &h); err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(h.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestBrokenUTF8IsRepaired(t *testing.T) {
	b, err := os.ReadFile(testutil.Shared(t, "vectors/utils.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Function string
		Args     []json.RawMessage
		Expected json.RawMessage
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, tc := range cases {
		if tc.Function != "utf8_sanitize" {
			continue
		}
		n++
		var got string
		if err := json.Unmarshal(AppendQuoted(nil, bytesOf(t, tc.Args[0])), &got); err != nil {
			t.Errorf("%s: %v", tc.Args[0], err)
		}
		if diff := cmp.Diff(bytesOf(t, tc.Expected), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.Args[0], diff)
		}
	}
	if n == 0 {
		t.Error("the vectors hold no case")
	}
}

func TestEscapes(t *testing.T) {
	got := string(AppendEscaped(nil, "\b\f\n\r\t\"\\/\x01\x1f\x7f<>&é\u2028\u0080\u009f\u00a0\u202a\u202e\u2066\u2069\u206a"))
	if want := `\b\f\n\r\t\"\\/\u0001\u001f\u007f` + "<>&é\u2028" + `\u0080\u009f` + "\u00a0" +
		`\u202a\u202e\u2066\u2069` + "\u206a"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzAppendQuoted(f *testing.F) {
	for _, s := range []string{"", "abc", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\xe1\x80", "\"\\\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := AppendQuoted(nil, s)
		var got string
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		if utf8.ValidString(s) && got != s {
			t.Errorf("got %q, want %q", got, s)
		}
		// Broken bytes give between one mark each and one for a run.
		if strings.ToValidUTF8(got, "") != got {
			t.Errorf("%q is no valid text", got)
		}
	})
}
