/* The bytes of one source's rows in the log: what message.py puts together with arrays, in one pass. See there for what
 * each part of the body is, and for whatever is not done here.
 */

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { FACTS = 3, OWN = 3, WHOLES = 3, REALS = 2 }; /* lines of bits, texts, whole and real numbers before the features */
enum { ALIGNMENT = 8, NULL_TEXT = 0x1A };

/* Columns of the schema, or buffers, in the order of message.py's lines. */
typedef struct {
    Py_ssize_t count;
    int32_t *at;
} Places;

typedef struct {
    PyObject_HEAD
    Py_ssize_t nodes, buffers, length; /* where these stand in the metadata, */
    Py_ssize_t least;                  /* which has so many bytes at least */
    Places nullable;                   /* columns of the lines of bits from the second on */
    Places own;                        /* offsets' buffers of the rows' own texts */
    Places numbers, integers, booleans; /* columns of the grid */
    Py_ssize_t width, depth;           /* of the grid: numbers, texts */
} Layout;

typedef struct {
    const char *bytes;
    Py_ssize_t size;
} Text;

/* What is to be written, and where. */
typedef struct {
    Py_ssize_t rows, line;  /* a line of bits, in bytes */
    const double *scores, *numbers;
    double threshold;       /* NaN: none */
    int64_t version, rollout;
    PyObject *instants, *counts; /* lists: when, and how many rows of then */
    Text *texts;            /* [columns][rows] */
    char *head, *body;
} Message;

static Py_ssize_t padded(Py_ssize_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* ---- bits ---- */

static inline void set_bit(char *line, Py_ssize_t row)
{
    line[row >> 3] = (char)(line[row >> 3] | 1 << (row & 7));
}

/* How many are set, noted as the nulls of the column whose line it is. */
static void note_nulls(const Layout *self, Message *made, Py_ssize_t line, int64_t nulls)
{
    memcpy(made->head + self->nodes + 16 * self->nullable.at[line] + 8, &nulls, sizeof nulls);
}

static char *write_facts(const Layout *self, Message *made, char *line)
{
    int decides = !isnan(made->threshold);
    for (Py_ssize_t row = 0; decides && row < made->rows; row++) {
        if (made->scores[row] >= made->threshold)
            set_bit(line, row);
        set_bit(line + made->line, row);
        set_bit(line + 2 * made->line, row);
    }
    note_nulls(self, made, 0, decides ? 0 : made->rows);
    note_nulls(self, made, 1, decides ? 0 : made->rows);
    return line + FACTS * made->line;
}

static char *write_known(const Layout *self, Message *made, char *line)
{
    for (Py_ssize_t column = 0; column < self->width + self->depth; column++, line += made->line) {
        int64_t nulls = 0;
        const double *number = made->numbers + column;
        const Text *text = made->texts + (OWN + column - self->width) * made->rows;
        for (Py_ssize_t row = 0; row < made->rows; row++, number += self->width) {
            if (column < self->width ? isnan(*number) : text[row].bytes == NULL)
                nulls++;
            else
                set_bit(line, row);
        }
        note_nulls(self, made, FACTS - 1 + column, nulls);
    }
    for (Py_ssize_t at = 0; at < self->booleans.count; at++, line += made->line)
        for (Py_ssize_t row = 0; row < made->rows; row++)
            if (made->numbers[row * self->width + self->booleans.at[at]] == 1.0)
                set_bit(line, row);
    return line;
}

/* ---- numbers ---- */

static char *write_same(char *to, Py_ssize_t rows, const void *each)
{
    for (Py_ssize_t row = 0; row < rows; row++, to += 8)
        memcpy(to, each, 8);
    return to;
}

static char *write_wholes(const Layout *self, const Message *made, char *to)
{
    for (Py_ssize_t part = 0; part < PyList_Size(made->counts); part++) {
        int64_t instant = PyLong_AsLongLong(PyList_GetItem(made->instants, part));
        to = write_same(to, PyLong_AsSsize_t(PyList_GetItem(made->counts, part)), &instant);
    }
    to = write_same(to, made->rows, &made->version);
    to = write_same(to, made->rows, &made->rollout);
    for (Py_ssize_t at = 0; at < self->integers.count; at++)
        for (Py_ssize_t row = 0; row < made->rows; row++, to += 8) {
            double number = made->numbers[row * self->width + self->integers.at[at]];
            int64_t whole = fabs(number) < 0x1p63 ? (int64_t)number : 0; /* null, as larger ones do not come here */
            memcpy(to, &whole, sizeof whole);
        }
    return to;
}

static char *write_reals(const Layout *self, const Message *made, char *to)
{
    memcpy(to, made->scores, (size_t)made->rows * 8);
    to = write_same(to + made->rows * 8, made->rows, &made->threshold);
    for (Py_ssize_t at = 0; at < self->numbers.count; at++)
        for (Py_ssize_t row = 0; row < made->rows; row++, to += 8)
            memcpy(to, made->numbers + row * self->width + self->numbers.at[at], 8);
    return to;
}

/* ---- texts ---- */

static char *write_offsets(const Message *made, Py_ssize_t columns, char *to)
{
    const Text *text = made->texts;
    for (Py_ssize_t column = 0; column < columns; column++) {
        int32_t end = 0;
        for (Py_ssize_t row = 0; row < made->rows; row++, text++) {
            memcpy(to + 4 * row, &end, sizeof end);
            end += (int32_t)text->size;
        }
        memcpy(to + 4 * made->rows, &end, sizeof end);
        to += padded(4 * (made->rows + 1));
    }
    return to;
}

static void write_texts(const Layout *self, const Message *made, char *to)
{
    const Text *text = made->texts;
    for (Py_ssize_t column = 0; column < self->own.count; column++) {
        int64_t place[2] = {to - made->body, 0};
        for (Py_ssize_t row = 0; row < made->rows; row++, text++) {
            memcpy(to + place[1], text->bytes == NULL ? "" : text->bytes, (size_t)text->size);
            place[1] += text->size;
        }
        memcpy(made->head + self->buffers + 16 * (self->own.at[column] + 1), place, sizeof place);
        to += padded(place[1]);
    }
}

/* The texts of a list, the first one and each `step` after it, as a column. 0 with an error set. */
static int take_texts(PyObject *list, Py_ssize_t first, Py_ssize_t step, Text *column, Py_ssize_t rows)
{
    Py_ssize_t all = 0;
    for (Py_ssize_t row = 0; row < rows; row++) {
        PyObject *each = PyList_GetItem(list, first + row * step);
        Text *text = column + row;
        if (each == NULL || (text->bytes = PyUnicode_AsUTF8AndSize(each, &text->size)) == NULL)
            return 0;
        all += text->size;
    }
    if (all > INT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "a column's texts are too long for one message");
        return 0;
    }
    return 1;
}

static void take_nulls(Text *texts, Py_ssize_t count)
{
    for (Text *text = texts; text < texts + count; text++)
        if (text->size == 1 && text->bytes[0] == NULL_TEXT)
            *text = (Text){NULL, 0};
}

/* All texts of the rows, borrowed from the lists that hold them. 0 with an error set. */
static int take_all_texts(const Layout *self, PyObject *const lists[OWN], PyObject *features, Message *made)
{
    Py_ssize_t rows = made->rows;
    for (Py_ssize_t at = 0; at < OWN; at++)
        if (PyList_Size(lists[at]) != rows || !take_texts(lists[at], 0, 1, made->texts + at * rows, rows))
            return 0;
    if (PyList_Size(features) != rows * self->depth)
        return 0;
    for (Py_ssize_t at = 0; at < self->depth; at++)
        if (!take_texts(features, at, self->depth, made->texts + (OWN + at) * rows, rows))
            return 0;
    take_nulls(made->texts + OWN * rows, self->depth * rows);
    return 1;
}

/* ---- the whole ---- */

/* Bytes of the parts that lie before the sources' texts, and behind them. */
static Py_ssize_t size_before(const Layout *self, const Message *made)
{
    Py_ssize_t lines = FACTS + self->width + self->depth + self->booleans.count;
    Py_ssize_t numbers = WHOLES + REALS + self->integers.count + self->numbers.count;
    return lines * made->line + numbers * made->rows * 8 + self->own.count * padded(4 * (made->rows + 1));
}

static Py_ssize_t size_behind(const Layout *self, const Message *made)
{
    Py_ssize_t all = 0;
    const Text *text = made->texts;
    for (Py_ssize_t column = 0; column < self->own.count; column++) {
        Py_ssize_t size = 0;
        for (Py_ssize_t row = 0; row < made->rows; row++, text++)
            size += text->size;
        all += padded(size);
    }
    return all;
}

static PyObject *written(const Layout *self, Message *made, PyObject *head, PyObject *shared)
{
    Py_ssize_t metadata = PyBytes_Size(head), before = size_before(self, made), between = PyBytes_Size(shared);
    Py_ssize_t size = before + between + size_behind(self, made);
    PyObject *message = PyByteArray_FromStringAndSize(NULL, metadata + size);
    if (message == NULL)
        return NULL;
    made->head = PyByteArray_AsString(message);
    made->body = made->head + metadata;
    memcpy(made->head, PyBytes_AsString(head), (size_t)metadata);
    memset(made->body, 0, (size_t)size);
    int64_t length = size;
    memcpy(made->head + self->length, &length, sizeof length);
    char *to = write_known(self, made, write_facts(self, made, made->body));
    to = write_offsets(made, self->own.count, write_reals(self, made, write_wholes(self, made, to)));
    memcpy(to, PyBytes_AsString(shared), (size_t)between);
    write_texts(self, made, to + between);
    return message;
}

static int is_as_many(const Layout *self, const Message *made, const Py_buffer *scores, const Py_buffer *numbers)
{
    Py_ssize_t rows = 0;
    if (PyList_Size(made->instants) != PyList_Size(made->counts))
        return 0;
    for (Py_ssize_t part = 0; part < PyList_Size(made->counts); part++) {
        Py_ssize_t count = PyLong_AsSsize_t(PyList_GetItem(made->counts, part));
        PyLong_AsLongLong(PyList_GetItem(made->instants, part));
        if (count < 0 || PyErr_Occurred())
            return 0;
        rows += count;
    }
    return rows == made->rows && numbers->len == scores->len * self->width;
}

static PyObject *layout_encode(Layout *self, PyObject *arguments)
{
    Message made = {0};
    Py_buffer scores, numbers;
    PyObject *head, *shared, *lists[OWN], *features, *message = NULL;
    long long version, rollout;
    if (!PyArg_ParseTuple(arguments, "SSLLdO!O!y*y*O!O!O!O!", &head, &shared, &version, &rollout, &made.threshold,
                          &PyList_Type, &made.instants, &PyList_Type, &made.counts, &scores, &numbers, &PyList_Type,
                          &lists[0], &PyList_Type, &lists[1], &PyList_Type, &lists[2], &PyList_Type, &features))
        return NULL;
    made.version = version;
    made.rollout = rollout;
    made.scores = scores.buf;
    made.numbers = numbers.buf;
    made.rows = scores.len / 8;
    made.line = (made.rows + 63) / 64 * 8;
    made.texts = PyMem_Calloc((size_t)(made.rows * self->own.count), sizeof(Text));
    if (made.texts == NULL)
        PyErr_NoMemory();
    else if (PyBytes_Size(head) >= self->least && is_as_many(self, &made, &scores, &numbers) && take_all_texts(self, lists, features, &made))
        message = written(self, &made, head, shared);
    if (message == NULL && !PyErr_Occurred())
        PyErr_SetString(PyExc_ValueError, "there are not as many values as rows");
    PyMem_Free(made.texts);
    PyBuffer_Release(&scores);
    PyBuffer_Release(&numbers);
    return message;
}

/* A list of places below `limit`. 0 with an error set. */
static int take_places(PyObject *list, Py_ssize_t limit, Places *made)
{
    made->count = PyList_Size(list);
    made->at = PyMem_Calloc((size_t)made->count + 1, sizeof *made->at);
    for (Py_ssize_t at = 0; made->at != NULL && at < made->count; at++) {
        long place = PyLong_AsLong(PyList_GetItem(list, at));
        if (place < 0 || place >= limit) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_ValueError, "a place lies outside");
            return 0;
        }
        made->at[at] = (int32_t)place;
    }
    return made->at != NULL;
}

static int layout_init(Layout *self, PyObject *arguments, PyObject *named)
{
    static char *names[] = {"nodes", "columns", "buffers", "buffer_count", "length", "width", "depth",
                            "nullable", "own", "numbers", "integers", "booleans", NULL};
    Py_ssize_t columns, buffer_count;
    PyObject *nullable, *own, *numbers, *integers, *booleans;
    if (self->own.at != NULL) {
        PyErr_SetString(PyExc_TypeError, "it is made already");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(arguments, named, "nnnnnnnO!O!O!O!O!", names, &self->nodes, &columns,
                                     &self->buffers, &buffer_count, &self->length, &self->width, &self->depth,
                                     &PyList_Type, &nullable, &PyList_Type, &own, &PyList_Type, &numbers,
                                     &PyList_Type, &integers, &PyList_Type, &booleans))
        return -1;
    if (!take_places(nullable, columns, &self->nullable) || !take_places(own, buffer_count - 1, &self->own) ||
        !take_places(numbers, self->width, &self->numbers) || !take_places(integers, self->width, &self->integers) ||
        !take_places(booleans, self->width, &self->booleans))
        return -1;
    Py_ssize_t ends[] = {self->nodes + 16 * columns, self->buffers + 16 * buffer_count, self->length + 8};
    for (int at = 0; at < 3; at++)
        self->least = ends[at] > self->least ? ends[at] : self->least;
    if (self->own.count != OWN + self->depth || self->nullable.count != FACTS - 1 + self->width + self->depth) {
        PyErr_SetString(PyExc_ValueError, "own or nullable have not as many places as there are columns");
        return -1;
    }
    return 0;
}

static void layout_dealloc(Layout *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    PyMem_Free(self->nullable.at);
    PyMem_Free(self->own.at);
    PyMem_Free(self->numbers.at);
    PyMem_Free(self->integers.at);
    PyMem_Free(self->booleans.at);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyMethodDef METHODS[] = {
    {"encode", (PyCFunction)layout_encode, METH_VARARGS, "The message of rows of one source, without its checksum."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot SLOTS[] = {
    {Py_tp_doc, "Where everything stands in the messages of one schema."},
    {Py_tp_init, layout_init},
    {Py_tp_dealloc, layout_dealloc},
    {Py_tp_methods, METHODS},
    {0, NULL},
};

static PyType_Spec LAYOUT = {
    .name = "podium.scoring.log._message.Layout",
    .basicsize = sizeof(Layout),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = SLOTS,
};

static int start(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&LAYOUT);
    int failed = type == NULL || PyModule_AddObjectRef(module, "Layout", type) < 0;
    Py_XDECREF(type);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot PARTS[] = {{Py_mod_exec, start}, {0, NULL}};

static PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "podium.scoring.log._message",
    .m_doc = "The bytes of one source's rows in the log.",
    .m_slots = PARTS,
};

PyMODINIT_FUNC PyInit__message(void)
{
    return PyModuleDef_Init(&MODULE);
}
