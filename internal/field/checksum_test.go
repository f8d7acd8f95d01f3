package field

import (
	"regexp"
	"testing"
)

func TestChecksum(t *testing.T) {
	d := Syscall()
	sum := d.Checksum()
	if !regexp.MustCompile("^[0-9a-f]{64}$").MatchString(sum) || Syscall().Checksum() != sum {
		t.Errorf("got %q", sum)
	}
	for name, change := range map[string]func(*Info){
		"name": func(in *Info) { in.Name += "x" }, "type": func(in *Info) { in.Type++ }, "list": func(in *Info) { in.List = !in.List },
	} {
		in := d.order[len(d.order)/2]
		before := *in
		if change(in); d.Checksum() == sum {
			t.Errorf("another %s, the same sum", name)
		}
		*in = before
	}
}
