package convert

import "github.com/saker-sensor/saker/internal/replay/scap/schema"

// action is what is done with an event of a row.
type action uint8

const (
	// actionPass lets the event through as it is.
	actionPass action = iota
	// actionStore keeps the event of an entry for the event of its exit.
	actionStore
	actionStoreAndPass
	// actionAdd puts parameters behind those that the event has.
	actionAdd
	// actionChange makes an event of another code.
	actionChange
)

// origin is where a parameter of the new event comes from.
type origin uint8

const (
	// fromOld is a parameter of the event that is converted, fromEnter one of the stored entry.
	fromOld origin = iota
	fromEnter
	// fromEnterOrEmpty differs from fromEnter if no entry is stored: it is empty then, not the initial value.
	fromEnterOrEmpty
	// fromNothing is no bytes, fromInitial the initial value of the parameter's type.
	fromNothing
	fromInitial
	// fromContainer is the JSON text of a container, made of the event's id, type, name and image.
	fromContainer
)

// source is where a parameter comes from, and which one it is there.
type source struct {
	origin origin
	index  uint8
}

// row says how an event with this code and so many parameters is converted.
type row struct {
	code   uint16
	params int
	action action
	// to is the code of the new event.
	to uint16
	// layout has the parameters to add, or all of another event.
	layout []source
}

func pass(code uint16, params int) row  { return row{code: code, params: params, action: actionPass} }
func store(code uint16, params int) row { return row{code: code, params: params, action: actionStore} }
func storeAndPass(code uint16, params int) row {
	return row{code: code, params: params, action: actionStoreAndPass}
}

func add(code uint16, params int, parts ...[]source) row {
	return row{code: code, params: params, action: actionAdd, to: code, layout: join(parts)}
}

func change(code uint16, params int, to uint16, parts ...[]source) row {
	return row{code: code, params: params, action: actionChange, to: to, layout: join(parts)}
}

func join(parts [][]source) (layout []source) {
	for _, part := range parts {
		layout = append(layout, part...)
	}
	return layout
}

// old is one parameter of the event, olds those from the first to the last.
func old(index uint8) []source { return []source{{fromOld, index}} }

func olds(first, last uint8) (part []source) {
	for index := first; index <= last; index++ {
		part = append(part, source{fromOld, index})
	}
	return part
}

func enter(indexes ...uint8) []source        { return each(fromEnter, indexes) }
func enterOrEmpty(indexes ...uint8) []source { return each(fromEnterOrEmpty, indexes) }
func containerJSON() []source                { return []source{{origin: fromContainer}} }

func each(origin origin, indexes []uint8) (part []source) {
	for _, index := range indexes {
		part = append(part, source{origin, index})
	}
	return part
}

// empty and initial are so many parameters.
func empty(count int) []source   { return each(fromNothing, make([]uint8, count)) }
func initial(count int) []source { return each(fromInitial, make([]uint8, count)) }

// table has all conversions. Rows whose result is an old form too lead to another row.
func table() []row {
	return []row{
		store(schema.GenericE, 2),
		add(schema.GenericX, 1, enterOrEmpty(1)),
		add(schema.OpenE, 0, empty(3)),
		pass(schema.OpenE, 3),
		add(schema.OpenX, 4, empty(1)),
		add(schema.OpenX, 5, empty(1)),
		store(schema.CloseE, 1),
		add(schema.CloseX, 1, enter(0)),
		store(schema.ReadE, 2),
		add(schema.ReadX, 2, enter(0, 1)),
		store(schema.LinkE, 2),
		change(schema.LinkX, 1, schema.LinkV2X, old(0), enterOrEmpty(0, 1)),
		store(schema.LinkatE, 4),
		change(schema.LinkatX, 1, schema.LinkatV2X, old(0), enterOrEmpty(0, 1, 2, 3), empty(1)),
		store(schema.UnlinkE, 1),
		change(schema.UnlinkX, 1, schema.UnlinkV2X, old(0), enterOrEmpty(0)),
		store(schema.UnlinkatE, 2),
		change(schema.UnlinkatX, 1, schema.UnlinkatV2X, old(0), enterOrEmpty(0, 1), empty(1)),
		store(schema.PreadE, 3),
		add(schema.PreadX, 2, enter(0, 1, 2)),
		store(schema.DupE, 1),
		change(schema.DupX, 1, schema.DupV1X, old(0), enterOrEmpty(0)),
		store(schema.SignalfdE, 3),
		add(schema.SignalfdX, 1, enter(0, 1, 2)),
		store(schema.KillE, 2),
		add(schema.KillX, 1, enter(0, 1)),
		store(schema.TkillE, 2),
		add(schema.TkillX, 1, enter(0, 1)),
		store(schema.TgkillE, 3),
		add(schema.TgkillX, 1, enter(0, 1, 2)),
		store(schema.NanosleepE, 1),
		add(schema.NanosleepX, 1, enter(0)),
		store(schema.TimerfdCreateE, 2),
		add(schema.TimerfdCreateX, 1, enter(0, 1)),
		store(schema.InotifyInitE, 1),
		add(schema.InotifyInitX, 1, enter(0)),
		store(schema.GetrlimitE, 1),
		add(schema.GetrlimitX, 3, enter(0)),
		store(schema.SetrlimitE, 1),
		add(schema.SetrlimitX, 3, enter(0)),
		store(schema.PrlimitE, 2),
		add(schema.PrlimitX, 5, enterOrEmpty(0, 1)),
		change(schema.SchedswitchV1E, 1, schema.SchedswitchV6E, old(0), empty(5)),
		store(schema.FcntlE, 2),
		add(schema.FcntlX, 1, enter(0, 1)),
		add(schema.FcntlX, 3, initial(1)),
		store(schema.BrkV1E, 1),
		change(schema.BrkV1X, 1, schema.BrkV4X, old(0), enterOrEmpty(0), empty(3)),
		store(schema.BrkV4E, 1),
		add(schema.BrkV4X, 4, enterOrEmpty(0)),
		change(schema.ExecveV8E, 0, schema.ExecveV13E),
		change(schema.ExecveV8X, 8, schema.ExecveV13X, olds(0, 7), empty(5)),
		change(schema.ExecveV13E, 0, schema.ExecveV14E),
		change(schema.ExecveV13X, 13, schema.ExecveV14X, olds(0, 12), empty(1)),
		change(schema.ExecveV14E, 0, schema.ExecveV15E),
		change(schema.ExecveV14X, 14, schema.ExecveV15X, olds(0, 12), empty(1), old(13)),
		change(schema.ExecveV15E, 0, schema.ExecveV16E),
		change(schema.ExecveV15X, 15, schema.ExecveV16X, olds(0, 13), empty(1), old(14)),
		change(schema.ExecveV16E, 0, schema.ExecveV17E),
		change(schema.ExecveV16X, 16, schema.ExecveV17X, olds(0, 15), empty(1)),
		change(schema.ExecveV17E, 0, schema.ExecveV18E, empty(1)),
		change(schema.ExecveV17X, 17, schema.ExecveV18X, olds(0, 16)),
		change(schema.ExecveV18E, 1, schema.ExecveV19E, old(0)),
		change(schema.ExecveV18X, 17, schema.ExecveV19X, olds(0, 16), empty(1)),
		add(schema.ExecveV19X, 18, empty(1)),
		storeAndPass(schema.ExecveV19E, 1),
		add(schema.ExecveV19X, 19, empty(1)),
		add(schema.ExecveV19X, 20, empty(3)),
		add(schema.ExecveV19X, 23, empty(3)),
		add(schema.ExecveV19X, 26, empty(1)),
		add(schema.ExecveV19X, 27, empty(1)),
		add(schema.ExecveV19X, 28, empty(1)),
		add(schema.ExecveV19X, 29, empty(1)),
		add(schema.ExecveV19X, 30, enterOrEmpty(0)),
		change(schema.CloneV11X, 11, schema.CloneV16X, olds(0, 7), empty(5), olds(8, 10)),
		change(schema.CloneV16X, 16, schema.CloneV17X, olds(0, 12), empty(1), olds(13, 15)),
		change(schema.CloneV17X, 17, schema.CloneV20X, olds(0, 13), empty(1), olds(14, 16), empty(2)),
		add(schema.CloneV20X, 20, empty(1)),
		store(schema.BindE, 1),
		add(schema.BindX, 2, enter(0)),
		add(schema.ConnectE, 1, initial(1)),
		storeAndPass(schema.ConnectE, 2),
		add(schema.ConnectX, 2, enter(0)),
		add(schema.ConnectX, 3, enter(1)),
		change(schema.ProcexitE, 0, schema.ProcexitV1E, empty(5)),
		store(schema.SocketE, 3),
		add(schema.SocketX, 1, enter(0, 1, 2)),
		add(schema.SocketX, 4, initial(1)),
		store(schema.ListenE, 2),
		add(schema.ListenX, 1, enter(0, 1)),
		change(schema.AcceptX, 3, schema.AcceptV5X, olds(0, 2), initial(2)),
		store(schema.WriteE, 2),
		add(schema.WriteX, 2, enter(0, 1)),
		store(schema.PwriteE, 3),
		add(schema.PwriteX, 2, enter(0, 1, 2)),
		store(schema.ReadvE, 1),
		add(schema.ReadvX, 3, enter(0)),
		store(schema.WritevE, 2),
		add(schema.WritevX, 2, enter(0, 1)),
		store(schema.PreadvE, 2),
		add(schema.PreadvX, 3, enter(0, 1)),
		store(schema.PwritevE, 3),
		add(schema.PwritevX, 2, enter(0, 1, 2)),
		store(schema.SetresuidE, 3),
		add(schema.SetresuidX, 1, enterOrEmpty(0, 1, 2)),
		store(schema.SetuidE, 1),
		add(schema.SetuidX, 1, enterOrEmpty(0)),
		store(schema.RecvE, 2),
		add(schema.RecvX, 2, enter(0, 1), initial(1)),
		store(schema.RecvfromE, 2),
		add(schema.RecvfromX, 3, enter(0, 1)),
		store(schema.SendE, 2),
		add(schema.SendX, 2, enter(0, 1), initial(1)),
		store(schema.SendtoE, 3),
		add(schema.SendtoX, 2, enter(0, 1, 2)),
		store(schema.ShutdownE, 2),
		add(schema.ShutdownX, 1, enter(0, 1)),
		store(schema.SocketpairE, 3),
		add(schema.SocketpairX, 5, enter(0, 1, 2)),
		store(schema.SendmsgE, 3),
		add(schema.SendmsgX, 2, enter(0, 1, 2)),
		add(schema.SendmmsgX, 0, initial(1), empty(4)),
		store(schema.RecvmsgE, 1),
		add(schema.RecvmsgX, 4, initial(1)),
		add(schema.RecvmsgX, 5, enter(0)),
		add(schema.RecvmmsgX, 0, initial(1), empty(5)),
		add(schema.CreatE, 0, empty(2)),
		pass(schema.CreatE, 2),
		add(schema.CreatX, 3, empty(1)),
		add(schema.CreatX, 4, empty(1)),
		add(schema.CreatX, 5, empty(1)),
		store(schema.EventfdE, 2),
		add(schema.EventfdX, 1, enter(0, 1)),
		store(schema.MkdirV2E, 1),
		add(schema.MkdirV2X, 2, enterOrEmpty(0)),
		store(schema.MkdirE, 2),
		change(schema.MkdirX, 1, schema.MkdirV2X, old(0), enterOrEmpty(0, 1)),
		store(schema.RmdirE, 1),
		change(schema.RmdirX, 1, schema.RmdirV2X, old(0), enterOrEmpty(0)),
		store(schema.OpenatE, 4),
		change(schema.OpenatX, 1, schema.OpenatV2X, old(0), enterOrEmpty(0, 1, 2, 3), empty(2)),
		add(schema.OpenatV2E, 0, empty(4)),
		pass(schema.OpenatV2E, 4),
		add(schema.OpenatV2X, 5, empty(1)),
		add(schema.OpenatV2X, 6, empty(1)),
		store(schema.UnshareE, 1),
		add(schema.UnshareX, 1, enter(0)),
		store(schema.FutexE, 3),
		add(schema.FutexX, 1, enter(0, 1, 2)),
		store(schema.FstatE, 1),
		add(schema.FstatX, 1, enter(0)),
		store(schema.EpollwaitE, 1),
		add(schema.EpollwaitX, 1, enter(0)),
		store(schema.PollE, 2),
		add(schema.PollX, 2, enter(1)),
		change(schema.NewselectX, 1, schema.SelectX, old(0)),
		store(schema.LseekE, 3),
		add(schema.LseekX, 1, enter(0, 1, 2)),
		store(schema.LlseekE, 3),
		add(schema.LlseekX, 1, enter(0, 1, 2)),
		store(schema.IoctlV2E, 2),
		change(schema.IoctlV2X, 1, schema.IoctlV3X, old(0), enterOrEmpty(0, 1), empty(1)),
		store(schema.IoctlV3E, 3),
		add(schema.IoctlV3X, 1, enter(0, 1, 2)),
		store(schema.MmapE, 6),
		add(schema.MmapX, 4, enter(0, 1, 2, 3, 4, 5)),
		store(schema.Mmap2E, 6),
		add(schema.Mmap2X, 4, enter(0, 1, 2, 3, 4, 5)),
		store(schema.MunmapE, 2),
		add(schema.MunmapX, 4, enter(0, 1)),
		store(schema.SpliceE, 4),
		add(schema.SpliceX, 1, enter(0, 1, 2, 3)),
		store(schema.PtraceE, 2),
		add(schema.PtraceX, 0, empty(3)),
		add(schema.PtraceX, 3, enterOrEmpty(0, 1)),
		change(schema.ForkX, 16, schema.ForkV17X, olds(0, 12), empty(1), olds(13, 15)),
		change(schema.ForkV17X, 17, schema.ForkV20X, olds(0, 13), empty(1), olds(14, 16), empty(2)),
		add(schema.ForkV20X, 20, empty(1)),
		change(schema.VforkX, 16, schema.VforkV17X, olds(0, 12), empty(1), olds(13, 15)),
		change(schema.VforkV17X, 17, schema.VforkV20X, olds(0, 13), empty(1), olds(14, 16), empty(2)),
		add(schema.VforkV20X, 20, empty(1)),
		store(schema.SendfileE, 4),
		add(schema.SendfileX, 2, enter(0, 1, 3)),
		store(schema.QuotactlE, 4),
		add(schema.QuotactlX, 14, enter(0, 1, 2, 3)),
		store(schema.FchdirE, 1),
		add(schema.FchdirX, 1, enterOrEmpty(0)),
		store(schema.GetdentsE, 1),
		add(schema.GetdentsX, 1, enter(0)),
		store(schema.Getdents64E, 1),
		add(schema.Getdents64X, 1, enter(0)),
		store(schema.SetnsE, 2),
		add(schema.SetnsX, 1, enterOrEmpty(0, 1)),
		store(schema.FlockE, 2),
		add(schema.FlockX, 1, enter(0, 1)),
		store(schema.SemopE, 1),
		add(schema.SemopX, 8, enter(0)),
		store(schema.SemctlE, 4),
		add(schema.SemctlX, 1, enter(0, 1, 2, 3)),
		store(schema.PpollE, 3),
		add(schema.PpollX, 2, enter(1, 2)),
		store(schema.MountE, 1),
		add(schema.MountX, 4, enter(0)),
		change(schema.UmountX, 2, schema.UmountV1X, olds(0, 1)),
		store(schema.SemgetE, 3),
		add(schema.SemgetX, 1, enter(0, 1, 2)),
		store(schema.AccessE, 1),
		add(schema.AccessX, 2, enter(0)),
		change(schema.ContainerE, 4, schema.ContainerJSONE, containerJSON()),
		change(schema.ContainerJSONE, 1, schema.ContainerJSONV2E, old(0)),
		store(schema.SetgidE, 1),
		add(schema.SetgidX, 1, enterOrEmpty(0)),
		store(schema.SetpgidE, 2),
		add(schema.SetpgidX, 1, enterOrEmpty(0, 1)),
		store(schema.BPFE, 1),
		change(schema.BPFX, 1, schema.BPFV2X, old(0), enterOrEmpty(0)),
		add(schema.SeccompE, 1, initial(1)),
		store(schema.SeccompE, 2),
		add(schema.SeccompX, 1, enter(0, 1)),
		add(schema.Openat2E, 0, empty(5)),
		pass(schema.Openat2E, 5),
		add(schema.Openat2X, 6, empty(2)),
		store(schema.MprotectE, 3),
		add(schema.MprotectX, 1, enter(0, 1, 2)),
		pass(schema.ExecveatE, 3),
		add(schema.ExecveatX, 19, empty(1)),
		add(schema.ExecveatX, 20, empty(3)),
		add(schema.ExecveatX, 23, empty(3)),
		add(schema.ExecveatX, 26, empty(1)),
		add(schema.ExecveatX, 27, empty(1)),
		add(schema.ExecveatX, 28, empty(1)),
		add(schema.ExecveatX, 29, empty(1)),
		store(schema.CopyFileRangeE, 3),
		add(schema.CopyFileRangeX, 3, enter(0, 1, 2)),
		add(schema.Clone3X, 20, empty(1)),
		store(schema.EpollCreateE, 1),
		add(schema.EpollCreateX, 1, enter(0)),
		store(schema.EpollCreate1E, 1),
		add(schema.EpollCreate1X, 1, enter(0)),
		store(schema.SetresgidE, 3),
		add(schema.SetresgidX, 1, enterOrEmpty(0, 1, 2)),
		store(schema.Accept4E, 1),
		change(schema.Accept4X, 3, schema.Accept4V6X, olds(0, 2), initial(2), enter(0)),
		store(schema.Accept4V5E, 1),
		change(schema.Accept4V5X, 5, schema.Accept4V6X, olds(0, 4), enter(0)),
		store(schema.Accept4V6E, 1),
		add(schema.Accept4V6X, 5, enter(0)),
		store(schema.Umount2E, 1),
		add(schema.Umount2X, 2, enter(0)),
		store(schema.Eventfd2E, 1),
		add(schema.Eventfd2X, 2, enter(0)),
		store(schema.Signalfd4E, 2),
		add(schema.Signalfd4X, 2, enter(0, 1)),
	}
}
