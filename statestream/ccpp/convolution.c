/* Convolution's two hot loops: unfold a source into what each output sees, and fold gradients of that back.

   The source is [B, C, X, Y], float32 and contiguous. Output (i, j) sees, through kernel element (k, m), the pixel
   (i * sx + k * dx - bx, j * sy + m * dy - by), or zero outside the source. Two orders of the unfolded array:
   order 0: [B, C, kx, ky, ox, oy]     order 1: [B, ox, oy, C, kx, ky]
   unfold writes every element of it; fold adds to every pixel what its copies hold, in a fixed sequence. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

typedef struct {
    Py_ssize_t b, c, x, y, kx, ky, sx, sy, dx, dy, bx, by, ox, oy;
} Geometry;

enum { NUMBERS = sizeof(Geometry) / sizeof(Py_ssize_t) };

/* The outputs [*first, *last) whose pixel along one axis lies inside the source, for a kernel element at `offset`. */
static void inside(Py_ssize_t offset, Py_ssize_t stride, Py_ssize_t size, Py_ssize_t outputs, Py_ssize_t *first,
                   Py_ssize_t *last)
{
    Py_ssize_t low = offset < 0 ? (-offset + stride - 1) / stride : 0;
    Py_ssize_t high = size > offset ? (size - offset + stride - 1) / stride : 0;
    *last = high < outputs ? high : outputs;
    *first = low < *last ? low : *last;
}

static void unfold_taps_first(const Geometry *g, const float *source, float *out)
{
    for (Py_ssize_t plane = 0; plane < g->b * g->c; plane++, source += g->x * g->y)
        for (Py_ssize_t k = 0; k < g->kx; k++)
            for (Py_ssize_t m = 0; m < g->ky; m++) {
                Py_ssize_t q = m * g->dy - g->by, first, last;
                inside(q, g->sy, g->y, g->oy, &first, &last);
                for (Py_ssize_t i = 0; i < g->ox; i++, out += g->oy) {
                    Py_ssize_t p = i * g->sx + k * g->dx - g->bx, j = 0;
                    if (p >= 0 && p < g->x) {
                        const float *row = source + p * g->y + q;
                        for (; j < first; j++)
                            out[j] = 0.0f;
                        if (g->sy == 1)
                            for (; j < last; j++)
                                out[j] = row[j];
                        else
                            for (; j < last; j++)
                                out[j] = row[j * g->sy];
                    }
                    for (; j < g->oy; j++)
                        out[j] = 0.0f;
                }
            }
}

static void fold_taps_first(const Geometry *g, float *source, const float *out)
{
    for (Py_ssize_t plane = 0; plane < g->b * g->c; plane++, source += g->x * g->y)
        for (Py_ssize_t k = 0; k < g->kx; k++)
            for (Py_ssize_t m = 0; m < g->ky; m++) {
                Py_ssize_t q = m * g->dy - g->by, first, last;
                inside(q, g->sy, g->y, g->oy, &first, &last);
                for (Py_ssize_t i = 0; i < g->ox; i++, out += g->oy) {
                    Py_ssize_t p = i * g->sx + k * g->dx - g->bx;
                    if (p < 0 || p >= g->x)
                        continue;
                    float *row = source + p * g->y + q;
                    if (g->sy == 1)
                        for (Py_ssize_t j = first; j < last; j++)
                            row[j] += out[j];
                    else
                        for (Py_ssize_t j = first; j < last; j++)
                            row[j * g->sy] += out[j];
                }
            }
}

/* With the taps last, the kernel elements [*first, *last) of one row lie inside the source; they are the same for every
   row and feature of an output. */
static void unfold_taps_last(const Geometry *g, const float *source, float *out)
{
    for (Py_ssize_t b = 0; b < g->b; b++, source += g->c * g->x * g->y)
        for (Py_ssize_t i = 0; i < g->ox; i++)
            for (Py_ssize_t j = 0; j < g->oy; j++) {
                Py_ssize_t p0 = i * g->sx - g->bx, q = j * g->sy - g->by, first, last;
                inside(q, g->dy, g->y, g->ky, &first, &last);
                for (Py_ssize_t c = 0; c < g->c; c++)
                    for (Py_ssize_t k = 0, p = p0; k < g->kx; k++, p += g->dx, out += g->ky) {
                        const float *row = source + (c * g->x + p) * g->y + q;
                        Py_ssize_t m = 0;
                        if (p >= 0 && p < g->x) {
                            for (; m < first; m++)
                                out[m] = 0.0f;
                            for (; m < last; m++)
                                out[m] = row[m * g->dy];
                        }
                        for (; m < g->ky; m++)
                            out[m] = 0.0f;
                    }
            }
}

static void fold_taps_last(const Geometry *g, float *source, const float *out)
{
    for (Py_ssize_t b = 0; b < g->b; b++, source += g->c * g->x * g->y)
        for (Py_ssize_t i = 0; i < g->ox; i++)
            for (Py_ssize_t j = 0; j < g->oy; j++) {
                Py_ssize_t p0 = i * g->sx - g->bx, q = j * g->sy - g->by, first, last;
                inside(q, g->dy, g->y, g->ky, &first, &last);
                for (Py_ssize_t c = 0; c < g->c; c++)
                    for (Py_ssize_t k = 0, p = p0; k < g->kx; k++, p += g->dx, out += g->ky) {
                        float *row = source + (c * g->x + p) * g->y + q;
                        if (p >= 0 && p < g->x)
                            for (Py_ssize_t m = first; m < last; m++)
                                row[m * g->dy] += out[m];
                    }
            }
}

/* Whether a buffer of `bytes` holds as many floats as the product of the lengths; they may be anything. */
static int holds(Py_ssize_t bytes, const Py_ssize_t *lengths, int count)
{
    Py_ssize_t floats = 1;
    for (int n = 0; n < count; n++)
        if (__builtin_mul_overflow(floats, lengths[n], &floats))
            return 0;
    return bytes % (Py_ssize_t)sizeof(float) == 0 && bytes / (Py_ssize_t)sizeof(float) == floats;
}

/* (source, unfolded, geometry, order); `back` folds. Raises ValueError if a buffer's size is not the geometry's. */
static PyObject *run(PyObject *const *args, Py_ssize_t count, int back)
{
    Geometry g;
    Py_ssize_t *numbers = (Py_ssize_t *)&g;
    Py_buffer source, unfolded;

    if (count != 4 || !PyTuple_Check(args[2]) || PyTuple_GET_SIZE(args[2]) != NUMBERS) {
        PyErr_SetString(PyExc_TypeError, "source, unfolded, a geometry of 14 numbers and an order are needed");
        return NULL;
    }
    for (Py_ssize_t n = 0; n < NUMBERS; n++) {
        numbers[n] = PyLong_AsSsize_t(PyTuple_GET_ITEM(args[2], n));
        if (numbers[n] == -1 && PyErr_Occurred())
            return NULL;
        if (numbers[n] < 0 || (numbers[n] == 0 && &numbers[n] != &g.bx && &numbers[n] != &g.by && n != 0)) {
            PyErr_SetString(PyExc_ValueError, "the geometry's numbers must be positive");
            return NULL;
        }
    }
    long order = PyLong_AsLong(args[3]);
    if (order == -1 && PyErr_Occurred())
        return NULL;
    if (PyObject_GetBuffer(args[0], &source, PyBUF_C_CONTIGUOUS | (back ? PyBUF_WRITABLE : 0)) < 0)
        return NULL;
    if (PyObject_GetBuffer(args[1], &unfolded, PyBUF_C_CONTIGUOUS | (back ? 0 : PyBUF_WRITABLE)) < 0) {
        PyBuffer_Release(&source);
        return NULL;
    }
    int fits = holds(source.len, (Py_ssize_t[]){g.b, g.c, g.x, g.y}, 4) &&
               holds(unfolded.len, (Py_ssize_t[]){g.b, g.c, g.kx, g.ky, g.ox, g.oy}, 6);
    if (fits) {
        Py_BEGIN_ALLOW_THREADS
        if (!back)
            (order ? unfold_taps_last : unfold_taps_first)(&g, source.buf, unfolded.buf);
        else
            (order ? fold_taps_last : fold_taps_first)(&g, source.buf, unfolded.buf);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&source);
    PyBuffer_Release(&unfolded);
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "an array's size is not that of the geometry");
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *unfold(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return run(args, count, 0);
}

static PyObject *fold(PyObject *self, PyObject *const *args, Py_ssize_t count)
{
    return run(args, count, 1);
}

static PyMethodDef methods[] = {
    {"unfold", (PyCFunction)(void (*)(void))unfold, METH_FASTCALL, "unfold(source, unfolded, geometry, order)"},
    {"fold", (PyCFunction)(void (*)(void))fold, METH_FASTCALL, "fold(source, unfolded, geometry, order): adds"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_convolution", "Unfolding for convolutions.", -1, methods};

PyMODINIT_FUNC PyInit__convolution(void)
{
    return PyModule_Create(&module);
}
