/* The frame barrier: two futex words in shared memory, and ordered access to single words.
 *
 * A "gate" is 64 bytes at a 64-byte boundary: the value, and how many processes sleep on it. A gate serves both ways:
 * the core opens each participant's gate by storing the next release number; participants count the core's gate down to
 * zero. Waiting first spins for a given time, then blocks in the kernel, never beyond a deadline. All buffers are
 * writable shared memory; offsets are in bytes. Python states what the words mean, this file only waits and wakes.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    _Atomic uint32_t value;
    _Atomic uint32_t sleepers;
} gate_t;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

static void *at(Py_buffer *buffer, Py_ssize_t offset, Py_ssize_t size) {
    if (offset < 0 || offset > buffer->len - size || offset % 8) {
        PyErr_Format(PyExc_ValueError, "offset %zd lies outside a buffer of %zd bytes or is not a multiple of 8", offset,
                     buffer->len);
        return NULL;
    }
    return (char *)buffer->buf + offset;
}

static void wake_all(gate_t *gate) {
    if (atomic_load(&gate->sleepers))
        syscall(SYS_futex, &gate->value, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* Whether a waiter may go on: a participant waits for any change, the core for zero. */
static inline int may_pass(uint32_t value, uint32_t held, int for_zero) {
    return for_zero ? value == 0 : value != held;
}

static uint32_t wait_gate(gate_t *gate, uint32_t held, int for_zero, int64_t spin_ns, int64_t timeout_ns) {
    uint32_t value = atomic_load(&gate->value);
    if (may_pass(value, held, for_zero))
        return value;
    int64_t begin = now_ns();
    while (now_ns() - begin < spin_ns) {
        /* Whoever has work to do on this core does it first: spinning costs others nothing, however many they are. */
        sched_yield();
        for (int i = 0; i < 64; i++) {
            value = atomic_load(&gate->value);
            if (may_pass(value, held, for_zero))
                return value;
            relax();
        }
    }
    atomic_fetch_add(&gate->sleepers, 1);
    for (;;) {
        value = atomic_load(&gate->value);
        int64_t left = begin + timeout_ns - now_ns();
        if (may_pass(value, held, for_zero) || left <= 0)
            break;
        struct timespec t = {left / 1000000000, left % 1000000000};
        /* EINTR ends the wait as well: the caller lets Python see the signal and decides whether to wait again. */
        if (syscall(SYS_futex, &gate->value, FUTEX_WAIT, value, &t, NULL, 0) && errno == EINTR) {
            value = atomic_load(&gate->value);
            break;
        }
    }
    atomic_fetch_sub(&gate->sleepers, 1);
    return value;
}

static PyObject *py_wait(PyObject *self, PyObject *args) {
    Py_buffer buffer;
    Py_ssize_t offset;
    unsigned int held;
    int for_zero;
    long long spin_ns, timeout_ns;
    if (!PyArg_ParseTuple(args, "w*nIpLL", &buffer, &offset, &held, &for_zero, &spin_ns, &timeout_ns))
        return NULL;
    gate_t *gate = at(&buffer, offset, sizeof(gate_t));
    uint32_t value = 0;
    if (gate) {
        Py_BEGIN_ALLOW_THREADS
        value = wait_gate(gate, held, for_zero, spin_ns, timeout_ns);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&buffer);
    if (!gate || PyErr_CheckSignals())
        return NULL;
    return PyLong_FromUnsignedLong(value);
}

static PyObject *py_open(PyObject *self, PyObject *args) {
    Py_buffer buffer;
    Py_ssize_t offset;
    unsigned int value;
    if (!PyArg_ParseTuple(args, "w*nI", &buffer, &offset, &value))
        return NULL;
    gate_t *gate = at(&buffer, offset, sizeof(gate_t));
    if (gate) {
        atomic_store(&gate->value, value);
        wake_all(gate);
    }
    PyBuffer_Release(&buffer);
    if (!gate)
        return NULL;
    Py_RETURN_NONE;
}

/* One call for the core's whole frame, since each call costs as much as the rest of the clock. */
static PyObject *py_release(PyObject *self, PyObject *args) {
    Py_buffer buffer, gates;
    Py_ssize_t offset;
    unsigned int number;
    long long spin_ns, timeout_ns;
    if (!PyArg_ParseTuple(args, "w*ny*ILL", &buffer, &offset, &gates, &number, &spin_ns, &timeout_ns))
        return NULL;
    const int64_t *offsets = gates.buf;
    Py_ssize_t count = gates.len / 8;
    gate_t *core = at(&buffer, offset, sizeof(gate_t));
    for (Py_ssize_t i = 0; core && i < count; i++)
        if (!at(&buffer, offsets[i], sizeof(gate_t)))
            core = NULL;
    uint32_t value = 0;
    if (core) {
        Py_BEGIN_ALLOW_THREADS
        atomic_store(&core->value, (uint32_t)count);
        for (Py_ssize_t i = 0; i < count; i++) {
            gate_t *gate = (gate_t *)((char *)buffer.buf + offsets[i]);
            atomic_store(&gate->value, number);
            wake_all(gate);
        }
        value = wait_gate(core, 0, 1, spin_ns, timeout_ns);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&gates);
    PyBuffer_Release(&buffer);
    if (!core || PyErr_CheckSignals())
        return NULL;
    return PyLong_FromUnsignedLong(value);
}

/* A participant's record: the words of memory/control.py, Record. */
enum { STATUS = 1, FRAME, DURATION, DETAIL, TOTAL, COUNT };

static PyObject *py_arrive(PyObject *self, PyObject *args) {
    Py_buffer buffer;
    Py_ssize_t offset, record_offset;
    long long status, frame, duration, detail;
    if (!PyArg_ParseTuple(args, "w*nnLLLL", &buffer, &offset, &record_offset, &status, &frame, &duration, &detail))
        return NULL;
    gate_t *gate = at(&buffer, offset, sizeof(gate_t));
    int64_t *record = gate ? at(&buffer, record_offset, 64) : NULL;
    if (record) {
        record[STATUS] = status;
        record[FRAME] = frame;
        record[DURATION] = duration;
        record[DETAIL] = detail;
        record[TOTAL] += duration;
        record[COUNT] += 1;
        if (atomic_fetch_sub(&gate->value, 1) == 1)
            wake_all(gate);
    }
    PyBuffer_Release(&buffer);
    if (!record)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *py_load(PyObject *self, PyObject *args) {
    Py_buffer buffer;
    Py_ssize_t offset;
    if (!PyArg_ParseTuple(args, "y*n", &buffer, &offset))
        return NULL;
    _Atomic int64_t *word = at(&buffer, offset, 8);
    int64_t value = 0;
    if (word) {
        /* Plain reads before it (a copy of arrays) must not be done after it: an atomic load orders only what follows. */
        atomic_thread_fence(memory_order_acquire);
        value = atomic_load(word);
    }
    PyBuffer_Release(&buffer);
    return word ? PyLong_FromLongLong(value) : NULL;
}

static PyObject *py_store(PyObject *self, PyObject *args) {
    Py_buffer buffer;
    Py_ssize_t offset;
    long long value;
    if (!PyArg_ParseTuple(args, "w*nL", &buffer, &offset, &value))
        return NULL;
    _Atomic int64_t *word = at(&buffer, offset, 8);
    if (word) {
        atomic_store(word, value);
        /* Plain writes after it (of arrays) must not be seen before it: an atomic store orders only what precedes. */
        atomic_thread_fence(memory_order_release);
    }
    PyBuffer_Release(&buffer);
    if (!word)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"wait", py_wait, METH_VARARGS,
     "wait(buffer, offset, held, for_zero, spin_ns, timeout_ns) -> value\n\n"
     "Wait until the gate's value differs from `held` (for_zero: until it is 0), a signal comes, or the time is over."},
    {"open", py_open, METH_VARARGS, "open(buffer, offset, value)\n\nStore the gate's value and wake all who sleep on it."},
    {"release", py_release, METH_VARARGS,
     "release(buffer, offset, gates, number, spin_ns, timeout_ns) -> missing\n\n"
     "Open the gates (int64 offsets as bytes) with a number, then wait until that many arrivals counted the core's gate\n"
     "down to zero, a signal comes, or the time is over."},
    {"arrive", py_arrive, METH_VARARGS,
     "arrive(buffer, offset, record, status, frame, duration, detail)\n\n"
     "Write a participant's record, then count the core's gate down by one; the last one wakes the core."},
    {"load", py_load, METH_VARARGS, "load(buffer, offset) -> int\n\nRead one 64-bit word, ordered with all other accesses."},
    {"store", py_store, METH_VARARGS,
     "store(buffer, offset, value)\n\nWrite one 64-bit word, ordered with all other accesses."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_barrier", "Frame barrier over futexes in shared memory.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__barrier(void) { return PyModule_Create(&module); }
