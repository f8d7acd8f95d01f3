package call

import "github.com/saker-sensor/saker/internal/value"

// systemRows are the calls about the kernel itself: modules, programs, keys, and System V's and POSIX's ways to wait.
func systemRows() []Row {
	operation := func(name string, offset uint16, t value.Type) Param { return at(name, t, value.Dec, 1, offset, 2) }
	second := func(p Param) Param { return p.as(SecondOperation) }
	semFlags := semopNames()
	return []Row{
		row("bpf", 369, Other, fd("fd", result), num("cmd", value.EnumFlags32, value.Dec, 0).named(bpfNames().kept())).about("fd"),
		row("init_module", 411, Other, res(), data("img", 0, 1), u64("length", 1), str("uargs", 2)),
		row("finit_module", 413, Other, res(), fd("fd", 0), str("uargs", 1), flags32("flags", 2, finitModuleNames())).about("fd").io(Reads),
		row("delete_module", 425, Other, res(), str("name", 0), flags32("flags", 1, deleteModuleNames())),
		row("keyctl", 453, Other, res(), num("operation", value.EnumFlags32, value.Dec, 0).named(keyctlNames().kept()),
			u64("arg2", 1).as(Dynamic),
			u64("arg3", 2).as(Dynamic), u64("arg4", 3).as(Dynamic), u64("arg5", 4).as(Dynamic)),
		row("futex", 65, IPC, res(), hex("addr", 0), num("op", value.Flags16, value.Hex, 1).named(futexNames().kept()), u64("val", 2)),
		row("semop", 251, Process, res(), u32("nsops", 2), operation("sem_num_0", 0, value.Uint16), operation("sem_op_0", 2, value.Int16),
			operation("sem_flg_0", 4, value.Flags16).named(semFlags), second(operation("sem_num_1", 6, value.Uint16)),
			second(operation("sem_op_1", 8, value.Int16)), second(operation("sem_flg_1", 10, value.Flags16).named(semFlags)),
			num("semid", value.Int32, value.Dec, 0)),
		row("semctl", 253, Process, res(), num("semid", value.Int32, value.Dec, 0), num("semnum", value.Int32, value.Dec, 1),
			num("cmd", value.Flags16, value.Hex, 2).named(semctlNames()), num("val", value.Int32, value.Dec, 3).as(SemaphoreValue)),
		row("semget", 263, Process, res(), num("key", value.Int32, value.Hex, 0), num("nsems", value.Int32, value.Dec, 1),
			flags32("semflg", 2, semgetNames())),
		quotactl(),
	}
}

// quotactl has its command in the upper bits of the first argument and the kind of the quota in the lower ones; what else it has
// depends on the command. Its structures are struct if_dqblk and struct if_dqinfo (linux/quota.h).
func quotactl() Row {
	limit := func(name string, offset uint16) Param {
		return at(name, value.Uint64, value.Dec, 3, offset, 8).as(QuotaLimit)
	}
	grace := func(name string, offset uint16, m Made) Param {
		return at(name, value.RelTime, value.Dec, 3, offset, 8).as(m)
	}
	return row("quotactl", 191, User, res(), str("special", 1), str("quotafilepath", 3).as(QuotaFile), limit("dqb_bhardlimit", 0),
		limit("dqb_bsoftlimit", 8), limit("dqb_curspace", 16), limit("dqb_ihardlimit", 24), limit("dqb_isoftlimit", 32),
		grace("dqb_btime", 48, QuotaLimit), grace("dqb_itime", 56, QuotaLimit), grace("dqi_bgrace", 0, QuotaInfo),
		grace("dqi_igrace", 8, QuotaInfo),
		at("dqi_flags", value.Flags8, value.Dec, 3, 16, 4).as(QuotaInfo),
		made("quota_fmt_out", value.Flags8, value.Dec, QuotaFormatOut).named(quotaFormatNames()),
		num("cmd", value.Flags16, value.Dec, 0).named(quotaCommandNames()).as(QuotaCommand),
		num("type", value.Flags8, value.Dec, 0).named(quotaTypeNames()).as(QuotaType), u32("id", 2),
		made("quota_fmt", value.Flags8, value.Dec, QuotaFormat).named(quotaFormatNames()))
}
