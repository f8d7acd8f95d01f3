package kernel

import (
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/event"
)

// mountOverlay mounts dir/lower and dir/upper at dir/merged, for the calling thread alone.
func mountOverlay(dir string) error {
	if err := privateMounts(); err != nil {
		return err
	}
	return unix.Mount("overlay", dir+"/merged", "overlay", 0,
		fmt.Sprintf("lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", dir, dir, dir))
}

// overlayTrigger opens files of both layers. args: the folder of the layers.
func overlayTrigger(args []string) (any, error) {
	dir := args[0] + "/merged/"
	if err := mountOverlay(args[0]); err != nil {
		return nil, err
	}
	var all []*callFacts
	for _, o := range []struct {
		name  string
		flags uint32
		layer event.Layer
		made  bool
	}{
		{"in lower", unix.O_RDONLY, event.LayerLower, false},
		{"in upper", unix.O_RDONLY, event.LayerUpper, false},
		{"new", unix.O_WRONLY | unix.O_CREAT, event.LayerUpper, true},
		{"written", unix.O_WRONLY, event.LayerUpper, false}, // in lower until now
		{"program in lower", unix.O_RDONLY, event.LayerLower, false},
	} {
		path := dir + o.name
		mode := uint32(0) // without O_CREAT it means nothing
		if o.made {
			mode = 0o600
		}
		f, err := openFacts(event.TypeOpenat, unix.AT_FDCWD,
			event.File{Raw: path, Given: path, OpenFlags: o.flags, Mode: mode, Layer: o.layer, Created: o.made},
			func() (uintptr, error) {
				fd, err := unix.Openat(unix.AT_FDCWD, path, int(o.flags), 0o600)
				return uintptr(fd), err
			})
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// overlayExecTrigger executes a program of the merged folder. args: the folder of the layers, the program's name.
func overlayExecTrigger(args []string) (any, error) {
	if err := mountOverlay(args[0]); err != nil {
		return nil, err
	}
	return nil, unix.Exec(args[0]+"/merged/"+args[1], args[1:], imageVars())
}

// overlay makes the layers' folder: files and the test binary in both.
func overlay(t *testing.T) string {
	dir := t.TempDir()
	for _, d := range []string{"lower", "upper", "work", "merged"} {
		must(t, os.Mkdir(dir+"/"+d, 0o755))
	}
	for _, name := range []string{"lower/in lower", "upper/in upper", "lower/written"} {
		must(t, os.WriteFile(dir+"/"+name, []byte("x"), 0o644))
	}
	for _, name := range []string{"lower/program in lower", "upper/program in upper"} {
		from, err := os.Open(executable(t))
		must(t, err)
		to, err := os.OpenFile(dir+"/"+name, os.O_CREATE|os.O_WRONLY, 0o755)
		must(t, err)
		_, err = io.Copy(to, from)
		must(t, err)
		must(t, from.Close())
		must(t, to.Close())
	}
	return dir
}

func TestOverlayOpen(t *testing.T) {
	dir := overlay(t)
	var facts []callFacts
	c := trigger(t, &facts, "overlay", dir)
	for _, f := range facts {
		c.check(c.open(event.TypeOpenat, f.Want.File.Raw), f)
	}
	dev := facts[0].Want.File.ID.Dev
	if plain, _, _, err := statOf(dir); err != nil || plain.Dev == dev {
		t.Errorf("the overlay is no file system of its own (device %d): %v", dev, err)
	}
}

func TestOverlayExec(t *testing.T) {
	for name, layer := range map[string]event.Layer{"program in lower": event.LayerLower, "program in upper": event.LayerUpper} {
		t.Run(name, func(t *testing.T) {
			dir := overlay(t)
			var facts execFacts
			c := trigger(t, &facts, "overlay exec", dir, name)
			facts.Image.Filename, facts.Image.ExeLayer = dir+"/merged/"+name, layer
			c.checkExec(c.exec(), facts)
		})
	}
}
