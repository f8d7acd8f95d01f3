#include "textflag.h"

// func int80(nr uintptr, args *[6]uintptr) int32
TEXT ·int80(SB), NOSPLIT, $8-20
	MOVQ nr+0(FP), AX
	MOVQ args+8(FP), R8
	MOVQ 0(R8), BX
	MOVQ 8(R8), CX
	MOVQ 16(R8), DX
	MOVQ 24(R8), SI
	MOVQ 32(R8), DI
	MOVQ 40(R8), BP
	INT  $0x80
	MOVL AX, ret+16(FP)
	RET

// func absent()
TEXT ·absent(SB), NOSPLIT, $0-0
	INT $0x81
	RET
