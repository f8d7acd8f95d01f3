package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Names of the loads, as in the tables.
const (
	getppidLoad  = "getppid"
	openLoad     = "open+close, no rule's file"
	matchingLoad = "open+close, a matching file"
	execLoad     = "exec of /bin/true"
	findLoad     = "find, 40,000 files"
	makeLoad     = "make -j2 of zlib"
	redisLoad    = "redis, a request"
	fullRateLoad = "open+close, 5 s at full rate"
)

// load is what runs with and without the sensor.
type load struct {
	name string
	// ops is how many operations a run has, rounds how often it runs with each set of rules.
	ops, rounds int
	// median sums the rounds up by their middle, not their smallest: the load's own time varies.
	median bool
	// prepare, if any, comes before each run and is not measured.
	prepare func() error
	// run returns the ns of one operation.
	run func() (float64, error)
}

// loads lists them. end stops what they share.
func (b *bench) loads() (list []load, end func(), err error) {
	tree := b.file("tree")
	if err := plantTree(tree); err != nil {
		return nil, nil, err
	}
	redis, err := b.startRedis()
	if err != nil {
		return nil, nil, err
	}
	job := func(name string, ops int, file string) func() (float64, error) {
		return func() (float64, error) { return b.job(name, ops, file) }
	}
	zlib := filepath.Join(cache, "zlib")
	list = []load{
		{name: getppidLoad, ops: 2_000_000, rounds: 15, run: job("getppid", 2_000_000, "")},
		{name: openLoad, ops: 200_000, rounds: 15, run: job("open", 200_000, b.plain)},
		{name: matchingLoad, ops: 50_000, rounds: 15, run: job("open", 50_000, "/etc/shadow")},
		{name: execLoad, ops: 1_000, rounds: 15, run: job("exec", 1_000, "/bin/true")},
		{name: findLoad, ops: 1, rounds: 15, run: func() (float64, error) { return command("find", tree, "-name", "nothing") }},
		{name: makeLoad, ops: 1, rounds: 7, median: true,
			prepare: func() error { _, err := command("make", "-C", zlib, "clean"); return err },
			run:     func() (float64, error) { return command("make", "-C", zlib, "-j2") }},
		{name: redisLoad, ops: 200_000, rounds: 7, median: true, run: redis.benchmark},
		{name: fullRateLoad, ops: 2_500_000, rounds: 3, run: func() (float64, error) {
			// The time that passes: it gives the rate.
			ns, err := command(b.worker, "open", "2500000", b.plain)
			return ns / 2_500_000, err
		}},
	}
	if b.quick {
		for i := range list {
			list[i].rounds = max(list[i].rounds/5, 1)
		}
	}
	return list, redis.stop, nil
}

// plantTree makes 2,000 directories of 20 files: the same for everyone, and small enough for the kernel's caches.
func plantTree(root string) error {
	for d := range 2_000 {
		dir := filepath.Join(root, fmt.Sprint(d/50), fmt.Sprint(d%50))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		for f := range 20 {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(f)), nil, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// redis is Debian's server with nothing to save, on a socket of its own.
type redis struct {
	server *exec.Cmd
	socket string
}

func (b *bench) startRedis() (*redis, error) {
	server, err := filepath.Abs(filepath.Join(cache, "redis-server"))
	if err != nil {
		return nil, err
	}
	r := &redis{socket: b.file("redis.sock")}
	r.server = exec.Command(server, "--port", "0", "--unixsocket", r.socket, "--save", "", "--dir", b.dir)
	if err := r.server.Start(); err != nil {
		return nil, fmt.Errorf("start redis: %w; run test/bench/install", err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := exec.Command("redis-cli", "-s", r.socket, "ping").Run()
		if err == nil {
			return r, nil
		}
		if time.Now().After(deadline) {
			r.stop()
			return nil, fmt.Errorf("wait for redis: it does not answer: %w", err)
		}
	}
}

// benchmark makes 200,000 requests from 50 clients and returns the ns of each.
func (r *redis) benchmark() (float64, error) {
	ns, err := command("redis-benchmark", "-s", r.socket, "-q", "-t", "get,set", "-n", "100000")
	return ns / 200_000, err
}

func (r *redis) stop() {
	_ = r.server.Process.Kill()
	_ = r.server.Wait()
}
