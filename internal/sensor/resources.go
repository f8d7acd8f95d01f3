package sensor

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/metrics"
)

// processFacts are what the kernel counts of this process. Times are in seconds, sizes in bytes; what can't be read is 0.
type processFacts struct{ cpu, rss, vsz, pss float64 }

func readProcess() (f processFacts) {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) == nil {
		f.cpu = time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	}
	pages := numbers("/proc/self/statm")
	if len(pages) > 1 {
		page := float64(os.Getpagesize())
		f.vsz, f.rss = pages[0]*page, pages[1]*page
	}
	f.pss = rollup("Pss:") * 1024
	return f
}

// numbers are those of a file of the kernel's.
func numbers(path string) []float64 {
	text, _ := os.ReadFile(path)
	var out []float64
	for _, word := range strings.Fields(string(text)) {
		n, err := strconv.ParseFloat(word, 64)
		if err != nil {
			break
		}
		out = append(out, n)
	}
	return out
}

// rollup is a line of /proc/self/smaps_rollup, in KiB.
func rollup(name string) float64 {
	text, _ := os.ReadFile("/proc/self/smaps_rollup")
	_, rest, _ := strings.Cut(string(text), "\n"+name)
	value, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, _ := strconv.ParseFloat(value, 64)
	return n
}

func resourceFamilies() []family {
	one := func(name, help string, typ metrics.Type, value func(*scrape, processFacts) float64) family {
		return single(name, help, typ, resourceSwitch, func(s *scrape) float64 { return value(s, s.process) })
	}
	return []family{
		one("falcosecurity_falco_cpu_usage_ratio", "The sensor's processor time, as a share of its run time.", metrics.Gauge,
			func(s *scrape, p processFacts) float64 { return p.cpu / max(time.Since(s.started).Seconds(), 1) }),
		one("saker_cpu_seconds_total", "The sensor's processor time.", metrics.Counter, func(_ *scrape, p processFacts) float64 { return p.cpu }),
		one("falcosecurity_falco_memory_rss_bytes", "The sensor's resident memory.", metrics.Gauge, func(_ *scrape, p processFacts) float64 { return p.rss }),
		one("falcosecurity_falco_memory_vsz_bytes", "The sensor's virtual memory.", metrics.Gauge, func(_ *scrape, p processFacts) float64 { return p.vsz }),
		one("falcosecurity_falco_memory_pss_bytes", "The sensor's share of memory.", metrics.Gauge, func(_ *scrape, p processFacts) float64 { return p.pss }),
	}
}
