package field

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/testutil"
)

func TestTransformVectors(t *testing.T) {
	b, err := os.ReadFile(testutil.Shared(t, "vectors/transform.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Transformer string
		IsList      bool              `json:"input_is_list"`
		Input       []json.RawMessage `json:"input"`
		Expected    []any
		Source      string
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	each := map[string]func(string) (string, bool){
		"tolower":  func(s string) (string, bool) { return Lower(s), true },
		"toupper":  func(s string) (string, bool) { return Upper(s), true },
		"basename": func(s string) (string, bool) { return Basename(s), true },
		"b64":      Base64,
	}
	n := 0
	for _, tc := range cases {
		if tc.Expected == nil {
			continue // says which types are supported
		}
		n++
		var got []any
		if f := each[tc.Transformer]; f != nil {
			for _, in := range tc.Input {
				var s string
				if err := json.Unmarshal(in, &s); err != nil {
					t.Fatal(err)
				}
				out, ok := f(s)
				if !ok {
					t.Errorf("%s: %s of %q fails", tc.Source, tc.Transformer, s)
				}
				got = append(got, out)
			}
		} else {
			// len is the length of a text or of a list; there is nothing of ours to test but the count.
			var s string
			length := len(tc.Input)
			if !tc.IsList {
				if err := json.Unmarshal(tc.Input[0], &s); err != nil {
					t.Fatal(err)
				}
				length = len(s)
			}
			got = []any{float64(length)}
		}
		if diff := cmp.Diff(tc.Expected, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.Source, diff)
		}
	}
	if n == 0 {
		t.Error("the vectors hold no case")
	}
}

func TestTransformsLeaveOtherBytesAlone(t *testing.T) {
	if got, want := Upper("aÄz\xff{`"), "AÄZ\xff{`"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := Lower("AÄZ\xff[@"), "aÄz\xff[@"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, ok := Base64("***"); ok {
		t.Error("nonsense decodes")
	}
}

func values(words ...string) []Value {
	vs := make([]Value, len(words))
	for i, w := range words {
		vs[i].Str = w
	}
	return vs
}

func TestGetopt(t *testing.T) {
	for _, tc := range []struct {
		name string
		args []string
		spec string
		want []string
	}{
		{"flags together", []string{"-ab"}, "ab", []string{"a", "b"}},
		{"value in the word", []string{"-thello"}, "t:", []string{"t", "hello"}},
		{"value behind", []string{"-nt", "hello"}, "nt:", []string{"n", "t", "hello"}},
		{"unknown", []string{"-nx"}, "n", []string{"n", "?"}},
		{"end", []string{"-n", "--", "-t"}, "nt", []string{"n"}},
		{"no option ends", []string{"-n", "file", "-t"}, "nt", []string{"n"}},
		{"long skipped", []string{"--verbose", "-n"}, "n", []string{"n"}},
		{"value missing", []string{"-t"}, "t:", []string{""}},
		{"value missing behind a flag", []string{"-nt"}, "nt:", []string{"n", ""}},
		{"value missing at the end", []string{"-t", "a", "-t"}, "t:", []string{"t", "a", ""}},
		{"value missing, with a colon in front", []string{"-t"}, ":t:", []string{""}},
		{"empty value", []string{"-t", ""}, "t:", []string{"t", ""}},
		{"letter named twice", []string{"-a", "x", "-a"}, "aa:", []string{"a", "x", ""}},
		{"letter named twice, the value first", []string{"-ax"}, "a:a", []string{"a", "x"}},
		{"colons alone", []string{"-:a"}, "::a", []string{"?", "a"}},
		{"sign in the text", []string{"-+"}, "+a", []string{"+"}},
		{"three colons", []string{"-t", "x", "-b"}, "t:::b", []string{"t", "x", "b"}},
		{"value like an option", []string{"-t", "-123"}, "t:", []string{"t", "-123"}},
		{"two colons", []string{"-t", "x"}, "t::", []string{"t", "x"}},
		{"nothing", nil, "n", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Getopt(values(tc.args...), tc.spec)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, tc := range []struct {
		letter, want string
		ok           bool
	}{{"n", "n", true}, {"t", "second", true}, {"x", "", false}} {
		got, ok := GetoptOne(values("-n", "-t", "first", "-t", "second"), "nt:", tc.letter)
		if got != tc.want || ok != tc.ok {
			t.Errorf("[%s]: got %q %v, want %q %v", tc.letter, got, ok, tc.want, tc.ok)
		}
	}
	if got, ok := GetoptOne(values("-t", "first", "-t"), "t:", "t"); got != "" || !ok {
		t.Errorf("a missing value: got %q %v, want an empty one", got, ok)
	}
	if got, ok := GetoptOne(values("-?"), "t:", "?"); ok {
		t.Errorf("[?] of an unknown option: got %q, want none", got)
	}
}
