package field

import "github.com/saker-sensor/saker/internal/event"

// setupNames and featureNames are in Falco's order; ATTACH_RW is its spelling. What follows NO_MMAP and
// RSRC_TAGS is newer.
var setupNames = namesOf(
	"IORING_SETUP_IOPOLL", "IORING_SETUP_SQPOLL", "IORING_SQ_NEED_WAKEUP", "IORING_SETUP_SQ_AFF", "IORING_SETUP_CQSIZE",
	"IORING_SETUP_CLAMP", "IORING_SETUP_ATTACH_RW", "IORING_SETUP_R_DISABLED", "IORING_SETUP_SUBMIT_ALL",
	"IORING_SETUP_COOP_TASKRUN", "IORING_SETUP_TASKRUN_FLAG", "IORING_SETUP_SQE128", "IORING_SETUP_CQE32",
	"IORING_SETUP_SINGLE_ISSUER", "IORING_SETUP_DEFER_TASKRUN", "IORING_SETUP_NO_MMAP", "IORING_SETUP_REGISTERED_FD_ONLY",
	"IORING_SETUP_NO_SQARRAY", "IORING_SETUP_HYBRID_IOPOLL",
)

var featureNames = namesOf(
	"IORING_FEAT_SINGLE_MMAP", "IORING_FEAT_NODROP", "IORING_FEAT_SUBMIT_STABLE", "IORING_FEAT_RW_CUR_POS",
	"IORING_FEAT_CUR_PERSONALITY", "IORING_FEAT_FAST_POLL", "IORING_FEAT_POLL_32BITS", "IORING_FEAT_SQPOLL_NONFIXED",
	"IORING_FEAT_ENTER_EXT_ARG", "IORING_FEAT_NATIVE_WORKERS", "IORING_FEAT_RSRC_TAGS",
	"IORING_FEAT_CQE_SKIP", "IORING_FEAT_LINKED_FILE", "IORING_FEAT_REG_REG_RING", "IORING_FEAT_RECVSEND_BUNDLE",
	"IORING_FEAT_MIN_TIMEOUT", "IORING_FEAT_RW_ATTR", "IORING_FEAT_NO_IOWAIT",
)

// setupFlags have Falco's numbers: it counts SQ_NEED_WAKEUP, which is no flag of the call, among them.
func setupFlags(ev *event.Event) int64 {
	const iopollAndSqpoll = 3
	f := int64(ev.Uring.Flags)
	return f&iopollAndSqpoll | f&^iopollAndSqpoll<<1
}

// uringParams are those of io_uring_setup. Some are missing where the kernel does not let them be read.
func uringParams() []param {
	setup, features := newFlagTexts(setupNames, "|"), newFlagTexts(featureNames, "|")
	known := func(get func(*event.Uring) uint32) func(*event.Event, *Value) bool {
		return func(ev *event.Event, v *Value) bool {
			v.Num = int64(get(&ev.Uring))
			return ev.Uring.Known
		}
	}
	return []param{
		{"res", Errno, Dec, num(func(ev *event.Event) int64 { return ev.Ret }), errnoMeaning},
		{"entries", Uint32, Dec, known(func(u *event.Uring) uint32 { return u.Entries }), nil},
		{"sq_entries", Uint32, Dec, num(func(ev *event.Event) int64 { return int64(ev.Uring.SQEntries) }), nil},
		{"cq_entries", Uint32, Dec, num(func(ev *event.Event) int64 { return int64(ev.Uring.CQEntries) }), nil},
		{"flags", Flags32, Hex, num(setupFlags), named(setup)},
		{"sq_thread_cpu", Uint32, Dec, known(func(u *event.Uring) uint32 { return u.ThreadCPU }), nil},
		{"sq_thread_idle", Uint32, Dec, known(func(u *event.Uring) uint32 { return u.ThreadIdle }), nil},
		{"features", Flags32, Hex, known(func(u *event.Uring) uint32 { return u.Features }), named(features)},
	}
}
