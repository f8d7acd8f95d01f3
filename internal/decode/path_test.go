package decode

import (
	"math/rand/v2"
	"path"
	"strings"
	"testing"
	"unsafe"
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
		{"longest directory and name", long, long[1:], long + long},
		{"name of blanks and newlines", "/a b", " \n/", "/a b/ \n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := new(Decoder).absolute(tt.dir, tt.path); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
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
	d := new(Decoder)
	for range 200_000 {
		dir, name := "/"+any(), any()
		want := path.Clean(dir + "/" + name)
		if strings.HasPrefix(name, "/") {
			want = path.Clean(name)
		}
		if got := d.absolute(dir, name); got != want {
			t.Fatalf("%q in %q is %q, want %q", name, dir, got, want)
		}
		if got := isClean("/" + name); got != (path.Clean("/"+name) == "/"+name) {
			t.Fatalf("%q is clean: %v", "/"+name, got)
		}
	}
}
