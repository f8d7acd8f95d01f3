package report

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/metrics"
)

// processFacts are what the kernel counts of this process, and of its host. Times are in seconds, sizes in bytes; what
// can't be read is 0.
type processFacts struct {
	cpu, rss, vsz, pss float64
	// cgroupMemory is that of the sensor's cgroup; hostCPU the share of all processors' time since the boot, of 1.
	cgroupMemory, hostCPU, hostMemory, hostRunning, hostFiles float64
}

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
	f.pss = lineOf("/proc/self/smaps_rollup", "Pss:") * 1024
	f.readHost(config.HostRoot())
	return f
}

// readHost adds what Falco tells of the host, below a root.
func (f *processFacts) readHost(root string) {
	for _, own := range []string{"/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes"} {
		if n := numbers(own); len(n) > 0 {
			f.cgroupMemory = n[0]
			break
		}
	}
	if text, err := os.ReadFile(root + "/proc/stat"); err == nil {
		// user, nice, system, idle, iowait, irq, softirq, steal; guests' time is in the user's.
		var busy, all float64
		first, _, _ := strings.Cut(string(text), "\n")
		for i, n := range numbersOf(strings.TrimPrefix(first, "cpu")) {
			if i < 8 {
				all += n
				if i != 3 && i != 4 {
					busy += n
				}
			}
		}
		f.hostCPU = busy / max(all, 1)
		f.hostRunning = after(string(text), "procs_running")
	}
	if text, err := os.ReadFile(root + "/proc/meminfo"); err == nil {
		free := 0.0
		for _, name := range []string{"MemFree:", "Buffers:", "Cached:", "SReclaimable:"} {
			free += after(string(text), name)
		}
		f.hostMemory = max(after("\n"+string(text), "MemTotal:")-free, 0) * 1024
	}
	if n := numbers(root + "/proc/sys/fs/file-nr"); len(n) > 1 {
		f.hostFiles = n[0] - n[1]
	}
}

// numbers are those of a file of the kernel's.
func numbers(path string) []float64 {
	text, _ := os.ReadFile(path)
	return numbersOf(string(text))
}

func numbersOf(text string) (out []float64) {
	for _, word := range strings.Fields(text) {
		n, err := strconv.ParseFloat(word, 64)
		if err != nil {
			break
		}
		out = append(out, n)
	}
	return out
}

// lineOf is the number in a line of a file of the kernel's.
func lineOf(path, name string) float64 {
	text, _ := os.ReadFile(path)
	return after(string(text), name)
}

// after is the number behind the name of a line; 0 if there is none. The first line is skipped.
func after(text, name string) float64 {
	_, rest, _ := strings.Cut(text, "\n"+name)
	rest, _, _ = strings.Cut(rest, "\n")
	if n := numbersOf(rest); len(n) > 0 {
		return n[0]
	}
	return 0
}

func resourceFamilies() []family {
	one := func(name, help string, typ metrics.Type, value func(*Scrape, processFacts) float64) family {
		return single(name, help, typ, resourceSwitch, func(s *Scrape) float64 { return value(s, s.process) })
	}
	return []family{
		one("falcosecurity_falco_cpu_usage_ratio", "The sensor's processor time, as a share of its run time.", metrics.Gauge,
			func(s *Scrape, p processFacts) float64 { return p.cpu / max(time.Since(s.Started).Seconds(), 1) }),
		one("saker_cpu_seconds_total", "The sensor's processor time.", metrics.Counter, func(_ *Scrape, p processFacts) float64 { return p.cpu }),
		one("falcosecurity_falco_memory_rss_bytes", "The sensor's resident memory.", metrics.Gauge,
			func(_ *Scrape, p processFacts) float64 { return p.rss }),
		one("falcosecurity_falco_memory_vsz_bytes", "The sensor's virtual memory.", metrics.Gauge,
			func(_ *Scrape, p processFacts) float64 { return p.vsz }),
		one("falcosecurity_falco_memory_pss_bytes", "The sensor's share of memory.", metrics.Gauge,
			func(_ *Scrape, p processFacts) float64 { return p.pss }),
		one("falcosecurity_falco_container_memory_used_bytes", "The memory of the sensor's cgroup; 0 if it has none of its own.", metrics.Gauge,
			func(_ *Scrape, p processFacts) float64 { return p.cgroupMemory }),
		one("falcosecurity_falco_host_cpu_usage_ratio", "The share of the processors' time since the boot that was used.", metrics.Gauge,
			func(_ *Scrape, p processFacts) float64 { return p.hostCPU }),
		one("falcosecurity_falco_host_memory_used_bytes", "The host's memory in use, without caches.", metrics.Gauge,
			func(_ *Scrape, p processFacts) float64 { return p.hostMemory }),
		one("falcosecurity_falco_host_procs_running_total", "The host's tasks that run or want to.", metrics.Gauge,
			func(_ *Scrape, p processFacts) float64 { return p.hostRunning }),
		one("falcosecurity_falco_host_open_fds_total", "The host's open files.", metrics.Gauge,
			func(_ *Scrape, p processFacts) float64 { return p.hostFiles }),
	}
}
