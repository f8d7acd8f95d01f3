package main

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/ia32"
)

// made is a finished run; a test's value is what it said when it was skipped, empty if it passed.
func made(release, layout, pattern, pkg string, tests map[string]string) *run {
	r := newRun("amd64", layout, pattern)
	r.release, r.pkg, r.complete = release, pkg, true
	for name, said := range tests {
		r.tests[name] = &outcome{result: passed}
		if said != "" {
			r.tests[name] = &outcome{result: skipped, output: "    x_test.go:1: " + said + "\n"}
		}
	}
	return r
}

func onArm64(r *run) *run {
	r.goarch = "arm64"
	return r
}

func TestRegressions(t *testing.T) {
	older := made("6.1", "v1", "", "linux-image", map[string]string{"kernel.TestCompat": "", "kernel.TestCgroups/v1": ""})
	for _, tt := range []struct {
		name  string
		newer *run
		want  string
	}{
		{"none", made("6.12", "v1", "", "linux-image", map[string]string{"kernel.TestCompat": "", "kernel.TestCgroups/v1": ""}), ""},
		{"skipped", made("6.12", "v1", "", "linux-image", map[string]string{"kernel.TestCompat": "needs more", "kernel.TestCgroups/v1": ""}),
			"Linux 6.12, cgroup v1 skips kernel.TestCompat, which Linux 6.1, cgroup v1 passes"},
		{"absent", made("6.12", "v1", "", "linux-image", map[string]string{"kernel.TestCompat": ""}),
			"Linux 6.12, cgroup v1 skips kernel.TestCgroups/v1, which Linux 6.1, cgroup v1 passes"},
		{"another layout", made("6.12", "v2", "", "linux-image", map[string]string{"kernel.TestCompat": "", "kernel.TestCgroups/v1": "needs v1"}),
			""},
		{"not asked for", made("6.12", "v1", layoutTests, "linux-image", map[string]string{"kernel.TestCgroups/v1": ""}), ""},
		{"another architecture", onArm64(made("6.12", "v1", "", "linux-image", map[string]string{"kernel.TestCgroups/v1": ""})), ""},
		{"no 32-bit entry, in QEMU", made("6.12", "v2", "", "linux-image", map[string]string{"kernel.TestCompat": ia32.Needed}),
			"Linux 6.12, cgroup v2 skips kernel.TestCompat, which Linux 6.1, cgroup v1 passes"},
		{"no 32-bit entry, on this machine", made("6.18", "v2", "", "", map[string]string{"kernel.TestCompat": ia32.Needed}), ""},
		{"another reason, on this machine", made("6.18", "v2", "", "", map[string]string{"kernel.TestCompat": "needs luck"}),
			"Linux 6.18, cgroup v2 skips kernel.TestCompat, which Linux 6.1, cgroup v1 passes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wantError(t, regressions([]*run{older, tt.newer}), tt.want)
		})
	}
}

// The tests that must run may be skipped on this machine, but not on Debian's kernels.
func TestNotRun(t *testing.T) {
	tests := map[string]string{}
	mustRun := arches["amd64"].mustRun
	for _, name := range mustRun {
		tests[name] = ""
	}
	wantError(t, notRun([]*run{made("6.1", "hybrid", "", "linux-image", tests)}), "")
	tests[mustRun[1]] = ia32.Needed
	wantError(t, notRun([]*run{made("6.18", "hybrid", "", "", tests)}), "")
	wantError(t, notRun([]*run{onArm64(made("6.12", "v2", "", "linux-image", map[string]string{"kernel.TestCompat": ""}))}),
		"Linux 6.12, cgroup v2 skips kernel.TestCompatCalls, which must run there")
	wantError(t, notRun([]*run{made("6.1", "hybrid", layoutTests, "linux-image", nil)}), "")
	wantError(t, notRun([]*run{made("6.1", "hybrid", "", "linux-image", tests)}),
		"Linux 6.1, cgroup hybrid skips "+mustRun[1]+", which must run there")
}

func wantError(t *testing.T, problems []error, want string) {
	t.Helper()
	got := ""
	if err := errors.Join(problems...); err != nil {
		got = err.Error()
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
