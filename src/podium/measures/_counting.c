/* How many values lie in each bin, and their sums, in one pass: what binning.py counts by sorting pieces. See there for
 * what a bin is.
 *
 * A value's distance from a point of the column, in single precision, is cut to its sign, exponent and first bits: a *cell*.
 * That keeps the order (of two values the lower never lies in the higher cell), so edges of lower cells lie below the
 * value, those of higher cells above, and only its own cell's are looked at: a few, or all are searched where there are
 * more. So counts are exact however the cells were chosen.
 */

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef __GNUC__
#error "vectors of GCC or Clang are needed; without this part NumPy counts"
#endif
#if defined(__x86_64__) && defined(__GLIBC__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#define LANES 4
#else
#define WIDE
#define LANES 2
#endif

enum {
    BLOCK = 1024,    /* values that go through all steps before the next do */
    CELLS = 8192,
    ODD = 0,         /* the cell of what is no number that single precision holds */
    MANY = 0x8000,   /* beside a cell's first edge: it has more than two */
    MOST = 0x7FFF,   /* edges */
    LOOKS = 4,       /* at most; 2^n - 1 edges are told apart by n */
    BEYOND = 1 << LOOKS,
    SEARCH = 24,     /* looks that a search is worth */
    TRIED = 1024,    /* values on which cells are tried */
    SOME = 4096,     /* values from which cells are found, as finding them takes as long as hundreds */
    LEAST_SHIFT = 8, /* with these bits of a level all its first bits are enough */
};

static const int32_t NO_SINGLE = 0x7F800000;

typedef double Doubles __attribute__((vector_size(8 * LANES)));
typedef int64_t Wholes __attribute__((vector_size(8 * LANES)));

/* Which distances share a cell. */
typedef struct {
    double from;
    int32_t least, base, top; /* shorter ones are one; of the lowest cell; the highest cell */
    int shift;
} Cut;

typedef struct {
    PyObject_HEAD
    Py_ssize_t count;
    double *edges;          /* and some beyond all values, for looks */
    Cut cut;
    int parts, looks;       /* can there be cells? how often a value looks at edges of its cell; 0: there are none yet */
    uint16_t first[CELLS];  /* of the edges that a cell's values are compared with */
} Grid;

typedef struct {
    double sum;
    int64_t count;
} Bin;

/* What is counted, and what else is found. */
typedef struct {
    double low, high, centre;
    Bin *bins; /* twice, see put_by */
    int64_t nulls, infinite, below, above;
    double squares, minimum, maximum;
} Found;

/* ---- cells ---- */

/* A distance cut to its sign, exponent and first bits: of two distances the lower has not the higher level. */
static inline int32_t level(float distance, Cut cut)
{
    int32_t bits;
    memcpy(&bits, &distance, sizeof bits);
    int32_t sign = bits >> 31, size = (bits & INT32_MAX) - cut.least;
    size = (size < 0 ? 0 : size) >> cut.shift;
    return (size ^ sign) - sign;
}

static inline int32_t cell_of(double value, Cut cut)
{
    float distance = (float)(value - cut.from);
    int32_t bits, cell = level(distance, cut) - cut.base;
    memcpy(&bits, &distance, sizeof bits);
    cell = cell < 1 ? 1 : cell;
    cell = cell > cut.top ? cut.top : cell;
    return (bits & INT32_MAX) < NO_SINGLE ? cell : ODD;
}

WIDE static void find_cells(const double *restrict values, int count, Cut cut, int32_t *restrict cells)
{
    for (int at = 0; at < count; at++)
        cells[at] = cell_of(values[at], cut);
}

static int compare(const void *one, const void *two)
{
    float a = *(const float *)one, b = *(const float *)two;
    return (a > b) - (a < b);
}

/* Levels around a point, as many as there is room for; the edges of both tails share the first and the last cell. */
static Cut cut_around(const Grid *self, double from, float *room)
{
    Py_ssize_t count = self->count, tail = count / 50;
    for (Py_ssize_t at = 0; at < count; at++)
        room[at] = fabsf((float)(self->edges[at] - from));
    qsort(room, (size_t)count, sizeof *room, compare);
    Cut cut = {.from = from, .shift = LEAST_SHIFT};
    memcpy(&cut.least, room + count / 256, sizeof cut.least);
    for (;; cut.shift++) {
        int32_t low = level((float)(self->edges[tail] - from), cut);
        int32_t high = level((float)(self->edges[count - 1 - tail] - from), cut);
        if (high - low + 4 <= CELLS) {
            cut.base = low - 2;
            cut.top = high - low + 3;
            return cut;
        }
    }
}

/* Note each cell's first edge; those of more edges than some looks tell apart are searched. */
static void note_first(Grid *self, Cut cut, int looks)
{
    Py_ssize_t edge = 0;
    while (edge < self->count && self->edges[edge] < cut.from && cell_of(self->edges[edge], cut) == ODD)
        edge++; /* below what single precision holds, so below each value that has a cell */
    for (int32_t cell = 1; cell <= cut.top; cell++) {
        Py_ssize_t start = edge;
        while (edge < self->count && cell_of(self->edges[edge], cut) == cell)
            edge++;
        self->first[cell] = (uint16_t)(start | ((edge - start) >> looks ? MANY : 0));
    }
    self->first[ODD] = MANY;
    self->cut = cut;
    self->looks = looks;
}

/* What counting some values would cost, in looks: a search among all edges is worth so many as its surprise costs. */
static int cost(Grid *self, Cut cut, int looks, const char *values)
{
    int made = looks * TRIED;
    note_first(self, cut, looks);
    for (int at = 0; at < TRIED; at++) {
        double value;
        memcpy(&value, values + at * sizeof value, sizeof value);
        made += self->first[cell_of(value, cut)] & MANY ? SEARCH : 0;
    }
    return made;
}

/* Cells around zero or around the middle edge, with few looks or more, by what some values would cost. */
static int find_grid(Grid *self, const char *values)
{
    float *room = PyMem_Malloc((size_t)self->count * sizeof *room);
    if (room == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    Cut cuts[2] = {cut_around(self, 0.0, room), cut_around(self, self->edges[self->count / 2], room)};
    int least = INT_MAX, best = 0, looks = 0;
    for (int tried = 0; tried < 2 * LOOKS && least > (1 + tried / 2) * TRIED; tried++) {
        int here = cost(self, cuts[tried % 2], 1 + tried / 2, values);
        if (here < least) {
            least = here;
            best = tried % 2;
            looks = 1 + tried / 2;
        }
    }
    note_first(self, cuts[best], looks);
    PyMem_Free(room);
    return 0;
}

/* ---- a block ---- */

/* The edges below a value. */
static Py_ssize_t search(const Grid *self, double value)
{
    const double *edge = self->edges;
    for (Py_ssize_t count = self->count; count > 0;) {
        Py_ssize_t half = (count + 1) / 2;
        edge += (edge[half - 1] < value) * half;
        count -= half;
    }
    return edge - self->edges;
}

/* How many of up to 64 rows from one on are null, as bits. */
static uint64_t nulls_of(const uint8_t *bits, Py_ssize_t from, int count)
{
    const uint8_t *at = bits + from / 8;
    int skipped = (int)(from % 8);
    uint64_t set = (uint64_t)at[0] >> skipped;
    for (int got = 8 - skipped, byte = 1; got < count; got += 8, byte++)
        set |= (uint64_t)at[byte] << got;
    return ~set & (count < 64 ? ((uint64_t)1 << count) - 1 : UINT64_MAX);
}

/* Copy values, NaN for those that are null, and up to whole vectors. */
static int take(const char *values, const uint8_t *bits, Py_ssize_t from, int count, double *restrict made)
{
    memcpy(made, values, (size_t)count * sizeof *made);
    for (int at = 0; bits != NULL && at < count; at += 64) {
        int rows = count - at < 64 ? count - at : 64;
        for (uint64_t null = nulls_of(bits, from + at, rows); null; null &= null - 1)
            made[at + __builtin_ctzll(null)] = NAN;
    }
    int whole = (count + 2 * LANES - 1) / (2 * LANES) * (2 * LANES);
    for (int at = count; at < whole; at++)
        made[at] = NAN;
    return whole;
}

/* Of some lanes. */
typedef struct {
    Doubles squares, low, high;
} Facts;

static inline void look_at(Facts *found, const double *values, double centre)
{
    const Wholes size = (Wholes){} + INT64_MAX;
    const Doubles largest = (Doubles){} + DBL_MAX;
    Doubles value;
    memcpy(&value, values, sizeof value);
    Wholes finite = (Doubles)((Wholes)value & size) <= largest;
    Doubles apart = (Doubles)((Wholes)(value - centre) & finite);
    found->squares += apart * apart;
    Wholes lower = (value < found->low) & finite, higher = (value > found->high) & finite;
    found->low = (Doubles)(((Wholes)value & lower) | ((Wholes)found->low & ~lower));
    found->high = (Doubles)(((Wholes)value & higher) | ((Wholes)found->high & ~higher));
}

/* Extremes and squares of the finite values, two vectors at once. */
WIDE static void look(const double *restrict values, int whole, double centre, Facts *restrict found)
{
    Facts one = found[0], two = found[1];
    for (int at = 0; at < whole; at += 2 * LANES) {
        look_at(&one, values + at, centre);
        look_at(&two, values + at + LANES, centre);
    }
    found[0] = one;
    found[1] = two;
}

static void note_facts(Found *found, const double *values, int whole)
{
    const Facts none = {{}, (Doubles){} + INFINITY, (Doubles){} - INFINITY};
    Facts of[2] = {none, none};
    double low = INFINITY, high = -INFINITY;
    look(values, whole, found->centre, of);
    for (int lane = 0; lane < 2 * LANES; lane++) {
        Facts *one = of + lane % 2;
        found->squares += one->squares[lane / 2];
        low = one->low[lane / 2] < low ? one->low[lane / 2] : low;
        high = one->high[lane / 2] > high ? one->high[lane / 2] : high;
    }
    found->minimum = low < found->minimum ? low : found->minimum;
    found->maximum = high > found->maximum ? high : found->maximum;
    if (low < found->low || high > found->high)
        for (int at = 0; at < whole; at++) {
            found->below += values[at] < found->low && values[at] >= -DBL_MAX;
            found->above += values[at] > found->high && values[at] <= DBL_MAX;
        }
}

static inline void put(Bin *bin, double value)
{
    bin->count++;
    bin->sum += value;
}

/* A value that is no number, or that has too many edges beside it. */
static void put_odd(const Grid *self, Found *found, Bin *bins, double value)
{
    if (isfinite(value))
        put(bins + search(self, value), value);
    else if (isinf(value))
        found->infinite++;
    else
        found->nulls++;
}

static inline void put_one(const Grid *self, Found *found, Bin *bins, double value, int32_t cell, int looks)
{
    Py_ssize_t bin = self->first[cell];
    if (bin & MANY) {
        put_odd(self, found, bins, value);
        return;
    }
    for (int step = 1 << looks >> 1; step; step >>= 1)
        bin += (self->edges[bin + step - 1] < value) * step;
    put(bins + bin, value);
}

/* Every other value goes to the other half of the bins: equal ones that follow each other need not wait for each other. */
static inline void put_by(const Grid *self, Found *found, const double *restrict values, const int32_t *restrict cells, int count, int looks)
{
    Bin *even = found->bins, *odd = even + self->count + 1;
    int at = 0;
    for (; at + 1 < count; at += 2) {
        put_one(self, found, even, values[at], cells[at], looks);
        put_one(self, found, odd, values[at + 1], cells[at + 1], looks);
    }
    if (at < count)
        put_one(self, found, even, values[at], cells[at], looks);
}

/* So that the compiler knows the usual numbers of looks. */
static void put_all(const Grid *self, Found *found, const double *values, const int32_t *cells, int count)
{
    if (self->looks == 1)
        put_by(self, found, values, cells, count, 1);
    else if (self->looks == 2)
        put_by(self, found, values, cells, count, 2);
    else
        put_by(self, found, values, cells, count, self->looks);
}

static void count_values(const Grid *self, Found *found, const char *values, const uint8_t *bits, Py_ssize_t offset, Py_ssize_t rows)
{
    double block[BLOCK];
    int32_t cells[BLOCK];
    for (Py_ssize_t from = 0; from < rows; from += BLOCK) {
        int count = rows - from < BLOCK ? (int)(rows - from) : BLOCK;
        int whole = take(values + from * (Py_ssize_t)sizeof(double), bits, offset + from, count, block);
        note_facts(found, block, whole);
        if (self->looks) {
            find_cells(block, count, self->cut, cells);
            put_all(self, found, block, cells, count);
        } else
            for (int at = 0; at < count; at++)
                put_odd(self, found, found->bins, block[at]);
    }
}

/* ---- Python's side ---- */

/* Values, or counts: a buffer of numbers of eight bytes. */
static int fits(const Py_buffer *buffer, Py_ssize_t count, const char *name)
{
    if (buffer->len == count * 8 && (uintptr_t)buffer->buf % 8 == 0)
        return 1;
    PyErr_Format(PyExc_ValueError, "%s needs %zd numbers of 8 bytes", name, count);
    return 0;
}

static int bits_fit(const Py_buffer *bits, Py_ssize_t offset, Py_ssize_t rows)
{
    if (bits->buf == NULL || (offset >= 0 && rows <= PY_SSIZE_T_MAX - 7 - offset && (offset + rows + 7) / 8 <= bits->len))
        return 1;
    PyErr_SetString(PyExc_ValueError, "the bits do not reach over the rows");
    return 0;
}

static PyObject *add(const Grid *self, Found *found, const Py_buffer *values, const Py_buffer *bits, Py_ssize_t offset, int64_t *counts, double *sums)
{
    Py_ssize_t bins = self->count + 1;
    found->bins = PyMem_Calloc((size_t)bins, 2 * sizeof *found->bins);
    if (found->bins == NULL)
        return PyErr_NoMemory();
    PyThreadState *state = PyEval_SaveThread();
    count_values(self, found, values->buf, bits->buf, offset, values->len / 8);
    for (Py_ssize_t bin = 0; bin < bins; bin++) {
        counts[bin] += found->bins[bin].count + found->bins[bins + bin].count;
        sums[bin] += found->bins[bin].sum + found->bins[bins + bin].sum;
    }
    PyEval_RestoreThread(state);
    PyMem_Free(found->bins);
    return Py_BuildValue("LLLLddd", (long long)found->nulls, (long long)found->infinite, (long long)found->below,
                         (long long)found->above, found->squares, found->minimum, found->maximum);
}

/* add(values, bits, offset, counts, sums, centre, low, high): nulls, infinite, below, above, squares, minimum, maximum. */
static PyObject *grid_add(Grid *self, PyObject *args)
{
    Py_buffer values, bits, counts, sums;
    Py_ssize_t offset;
    Found found = {.minimum = INFINITY, .maximum = -INFINITY};
    if (!PyArg_ParseTuple(args, "y*z*nw*w*ddd", &values, &bits, &offset, &counts, &sums, &found.centre, &found.low, &found.high))
        return NULL;
    PyObject *made = NULL;
    Py_ssize_t rows = values.len / 8;
    if (fits(&values, rows, "values") && bits_fit(&bits, offset, rows) && fits(&counts, self->count + 1, "counts") &&
        fits(&sums, self->count + 1, "sums") && (self->looks || !self->parts || rows < SOME || find_grid(self, values.buf) == 0))
        made = add(self, &found, &values, &bits, offset, counts.buf, sums.buf);
    PyBuffer_Release(&values);
    if (bits.buf != NULL)
        PyBuffer_Release(&bits);
    PyBuffer_Release(&counts);
    PyBuffer_Release(&sums);
    return made;
}

static int set_edges(Grid *self, const Py_buffer *edges)
{
    Py_ssize_t count = edges->len / 8;
    if (edges->len % 8 || count > MOST) {
        PyErr_Format(PyExc_ValueError, "at most %d edges of 8 bytes are needed", MOST);
        return -1;
    }
    self->edges = PyMem_Malloc((size_t)(count + BEYOND) * sizeof *self->edges);
    if (self->edges == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    memcpy(self->edges, edges->buf, (size_t)edges->len);
    for (int at = 0; at < BEYOND; at++)
        self->edges[count + at] = INFINITY;
    self->count = count;
    self->parts = count > 0 && isfinite(self->edges[0]) && isfinite(self->edges[count - 1]);
    for (Py_ssize_t at = 0; at < count; at++)
        if (!(self->edges[at] <= self->edges[at + 1])) {
            PyErr_SetString(PyExc_ValueError, "edges ascend");
            return -1;
        }
    return 0;
}

static int grid_init(Grid *self, PyObject *args, PyObject *named)
{
    Py_buffer edges;
    if (self->edges != NULL || named != NULL) {
        PyErr_SetString(PyExc_ValueError, "edges are given once, by place");
        return -1;
    }
    if (!PyArg_ParseTuple(args, "y*", &edges))
        return -1;
    int failed = set_edges(self, &edges);
    PyBuffer_Release(&edges);
    return failed;
}

static void grid_dealloc(Grid *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    PyMem_Free(self->edges);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyMethodDef METHODS[] = {
    {"add", (PyCFunction)grid_add, METH_VARARGS, "Add values to counts and sums; what else there is to know of them."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot SLOTS[] = {
    {Py_tp_doc, "The edges of bins, ascending."},
    {Py_tp_init, grid_init},
    {Py_tp_dealloc, grid_dealloc},
    {Py_tp_methods, METHODS},
    {0, NULL},
};

static PyType_Spec GRID = {
    .name = "podium.measures._counting.Grid",
    .basicsize = sizeof(Grid),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = SLOTS,
};

/* tally(codes, bits, offset, counts): how often each code occurs; the nulls. */
static PyObject *tally(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer codes, bits, counts;
    Py_ssize_t offset, odd = 0, nulls = 0;
    if (!PyArg_ParseTuple(args, "y*z*nw*", &codes, &bits, &offset, &counts))
        return NULL;
    Py_ssize_t rows = codes.len / 4, different = counts.len / 8;
    int fine = fits(&counts, different, "counts") && bits_fit(&bits, offset, rows);
    if (fine) {
        const char *code = codes.buf;
        int64_t *number = counts.buf;
        PyThreadState *state = PyEval_SaveThread();
        for (Py_ssize_t from = 0; from < rows; from += 64) {
            int count = rows - from < 64 ? (int)(rows - from) : 64;
            uint64_t null = bits.buf == NULL ? 0 : nulls_of(bits.buf, offset + from, count);
            nulls += __builtin_popcountll(null);
            for (int at = 0; at < count; at++) {
                uint32_t of;
                memcpy(&of, code + (from + at) * 4, sizeof of);
                if (null >> at & 1)
                    continue;
                if (of < (uint64_t)different)
                    number[of]++;
                else
                    odd++;
            }
        }
        PyEval_RestoreThread(state);
    }
    PyBuffer_Release(&codes);
    if (bits.buf != NULL)
        PyBuffer_Release(&bits);
    PyBuffer_Release(&counts);
    if (fine && odd)
        PyErr_SetString(PyExc_ValueError, "a code has no word");
    return fine && !odd ? PyLong_FromSsize_t(nulls) : NULL;
}

static PyMethodDef FUNCTIONS[] = {
    {"tally", tally, METH_VARARGS, "Add how often each code occurs to counts; the nulls."},
    {NULL, NULL, 0, NULL},
};

static int start(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&GRID);
    int failed = type == NULL || PyModule_AddObjectRef(module, "Grid", type) < 0;
    Py_XDECREF(type);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot PARTS[] = {{Py_mod_exec, start}, {0, NULL}};

static PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "podium.measures._counting",
    .m_doc = "Counts of values in bins, and of codes.",
    .m_methods = FUNCTIONS,
    .m_slots = PARTS,
};

PyMODINIT_FUNC PyInit__counting(void)
{
    return PyModuleDef_Init(&MODULE);
}
