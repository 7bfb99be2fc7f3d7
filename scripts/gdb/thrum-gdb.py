"""thrum-gdb.py - gdb sees the coroutines of a program that uses thrum

    (gdb) source scripts/gdb/thrum-gdb.py
    (gdb) thrum coroutines          all of them, each with its stack
    (gdb) thrum coroutines work     those in whose name or stack that text stands

It works on a running program and on a core file of the system's, and takes the library's symbols, but no debug
information: coroutine_layout in src/coroutine/coroutine.c says where all is. A core made by gdb's own
generate-core-file lacks what lies around the guards of stacks, which gdb cannot read.

A coroutine that stands still is no thread, so gdb has no registers for it; and in a core file none can be set.
But gdb asks unwinders who called a frame. Ours says of the selected thread's innermost frame that it was called
by the coroutine, with the registers that the switch has saved; so its backtrace is ours from the second line on.
"""
import struct

import gdb
import gdb.unwinder

LAYOUT = ("version", "classes", "n_classes", "class_size", "class_slabs", "slab_next", "slab_base", "slab_stride",
          "slab_fresh", "record", "context", "state", "name", "name_size")
STATES = {1: "stands still", 2: "runs", 3: "has ended"}

# What a context has on the stack, as switch.h has it: offset and register, the size of all, and what is the program counter.
MACHINES = {
    "i386:x86-64": ({8: "r15", 16: "r14", 24: "r13", 32: "r12", 40: "rbx", 48: "rbp", 56: "rip"}, 64, "rsp"),
    "aarch64": ({8: "pc", **{80 + 8 * i: f"x{19 + i}" for i in range(12)}}, 176, "sp"),
}


def read(address, form):
    """One number from memory."""
    data = gdb.selected_inferior().read_memory(address, struct.calcsize(form)).tobytes()
    return struct.unpack(form, data)[0]


def symbol(name):
    try:
        return int(gdb.parse_and_eval(f"(unsigned long)&{name}"))
    except gdb.error as error:
        raise gdb.GdbError(f"There is no {name} here: does the program use thrum, and has it its symbols?") from error


def coroutines():
    """Each that there is: its record's address, its state, its name, and where its context is."""
    at = symbol("thrum_coroutine_layout_")
    layout = {name: read(at + 4 * i, "<I") for i, name in enumerate(LAYOUT)}
    if layout["version"] != 1:
        raise gdb.GdbError("This thrum is of another version than the script.")
    classes = symbol("thrum_os_state_") + layout["classes"]
    for n in range(layout["n_classes"]):
        slab = read(classes + n * layout["class_size"] + layout["class_slabs"], "<Q")
        while slab != 0:
            base, stride = read(slab + layout["slab_base"], "<Q"), read(slab + layout["slab_stride"], "<Q")
            for i in range(read(slab + layout["slab_fresh"], "<I")):
                record = base + (i + 1) * stride - layout["record"]
                try:
                    state = read(record + layout["state"], "<I")
                except gdb.MemoryError:  # a page that was never touched is not in a core file
                    continue
                if state in STATES:
                    name = gdb.selected_inferior().read_memory(record + layout["name"], layout["name_size"]).tobytes()
                    context = read(record + layout["context"], "<Q")
                    yield record, state, name.split(b"\0")[0].decode(errors="replace"), context
            slab = read(slab + layout["slab_next"], "<Q")


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class Unwinder(gdb.unwinder.Unwinder):
    """Has the frame with that stack pointer be called by a context."""

    def __init__(self):
        super().__init__("thrum")
        self.context = self.sp = None

    def __call__(self, frame):
        if self.context is None:
            return None
        registers, size, sp = MACHINES[frame.architecture().name()]
        here = frame.read_register(sp)
        if int(here) != self.sp:
            return None
        # Said to lie just below the context, for gdb wants callers to lie above.
        below = gdb.Value(self.context).cast(here.type)
        info = frame.create_unwind_info(FrameId(below, frame.read_register("pc")))
        number = gdb.lookup_type("unsigned long")
        for offset, name in registers.items():
            value = gdb.Value(read(self.context + offset, "<Q")).cast(number)
            info.add_saved_register(name, value.cast(frame.read_register(name).type))
        info.add_saved_register(sp, gdb.Value(self.context + size).cast(here.type))
        return info

    def backtrace(self, context):
        """The frames of a context, as `backtrace` prints them."""
        frame = gdb.newest_frame()
        if frame.architecture().name() not in MACHINES:
            return ["  no backtrace on this machine"]
        self.sp = int(frame.read_register(MACHINES[frame.architecture().name()][2]))
        self.context = context
        try:
            gdb.invalidate_cached_frames()
            return gdb.execute("backtrace -frame-info short-location", to_string=True).splitlines()[1:]
        except gdb.error as error:
            return [f"  no backtrace: {error}"]
        finally:
            self.context = None
            gdb.invalidate_cached_frames()


UNWINDER = Unwinder()
gdb.unwinder.register_unwinder(None, UNWINDER, replace=True)


class Thrum(gdb.Command):
    """What gdb can say of thrum."""

    def __init__(self):
        super().__init__("thrum", gdb.COMMAND_STACK, prefix=True)


class Coroutines(gdb.Command):
    """List all coroutines with their stacks; with an argument those in whose name or stack it stands."""

    def __init__(self):
        super().__init__("thrum coroutines", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        count = 0
        for record, state, name, context in coroutines():
            lines = [f"coroutine {record:#x} '{name}' {STATES[state]}"]
            if state == 1:
                lines += UNWINDER.backtrace(context)
            if argument and not any(argument in line for line in lines):
                continue
            count += 1
            print("\n".join(lines))
        print(f"{count} coroutine{'s' * (count != 1)}")


Thrum()
Coroutines()
