package decode

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path"
	"strings"
	"testing"
	"unsafe"

	"github.com/saker-sensor/saker/internal/testutil"
)

func pointer(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

func TestAbsolute(t *testing.T) {
	long := strings.Repeat("/d", 2048) // 4096 bytes
	for _, tt := range []struct{ name, dir, path, want string }{
		{"clean", "", "/a/b", "/a/b"},
		{"clean, the directory plays no part", "/x", "/a/b", "/a/b"},
		{"root", "", "/", "/"},
		{"many slashes", "", "///", "/"},
		{"dots", "", "/a/./b/../c", "/a/c"},
		{"above the root", "", "/../../a", "/a"},
		{"slash at the end", "", "/a/b/", "/a/b"},
		{"dot at the end", "", "/a/.", "/a"},
		{"names that begin with dots", "", "/..a/.b/...", "/..a/.b/..."},
		{"relative", "/a/b", "c", "/a/b/c"},
		{"relative with dots", "/a/b", "../../../c/./d", "/c/d"},
		{"relative to the root", "/", "a", "/a"},
		{"a dot", "/a/b", ".", "/a/b"},
		{"nothing", "/a/b", "", "/a/b"},
		{"relative to nowhere", "", "a/../b", "a/../b"},
		{"nothing to nowhere", "", "", ""},
		{"relative to a socket", "UNIX-STREAM", "../a", "../a"},
		{"relative to a memory file", "memfd:x", "a", "a"},
		{"longest directory and name", long, long[1:], long + long},
		{"name of blanks and newlines", "/a b", " \n/", "/a b/ \n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := absolute(new(pathBuffer), tt.dir, tt.path); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// TestFalcosPaths takes the reference's cases with an absolute result: an absolute name, or a directory with the slash
// at its end that Falco expects there. The others join texts that no event holds.
func TestFalcosPaths(t *testing.T) {
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
	for _, c := range cases {
		if c.Function != "concatenate_paths" {
			continue
		}
		var dir, name, want string
		for i, to := range []*string{&dir, &name, &want} {
			if err := json.Unmarshal([]json.RawMessage{c.Args[0], c.Args[1], c.Expected}[i], to); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.HasPrefix(name, "/") && (!strings.HasPrefix(dir, "/") || !strings.HasSuffix(dir, "/")) {
			continue
		}
		n++
		if got := absolute(new(pathBuffer), dir, name); got != want {
			t.Errorf("%q, %q: %q, want %q", dir, name, got, want)
		}
	}
	if n < 5 {
		t.Errorf("%d cases", n)
	}
}

// For absolute results this is path.Clean, which is held to be right.
func TestAbsoluteIsClean(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	parts := []string{"", "", ".", "..", "..", "a", "bc", "...", ".d", "e."}
	any := func() string {
		var b strings.Builder
		for range rnd.IntN(8) {
			b.WriteString(parts[rnd.IntN(len(parts))])
			if rnd.IntN(8) > 0 {
				b.WriteByte('/')
			}
		}
		return b.String()
	}
	var buf pathBuffer
	for range 200_000 {
		dir, name := "/"+any(), any()
		want := path.Clean(dir + "/" + name)
		if strings.HasPrefix(name, "/") {
			want = path.Clean(name)
		}
		if got := absolute(&buf, dir, name); got != want {
			t.Fatalf("%q in %q is %q, want %q", name, dir, got, want)
		}
		if got := isClean("/" + name); got != (path.Clean("/"+name) == "/"+name) {
			t.Fatalf("%q is clean: %v", "/"+name, got)
		}
	}
}
