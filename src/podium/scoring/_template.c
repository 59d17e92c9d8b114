/* Answers to single rows: plans, whose holes are filled, one after the other. See template.py for what a plan says, and for
 * whatever is not done here.
 */

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include <stdint.h>
#include <string.h>

enum { ID, PREDICTION, SCORE, HOLES, END = 0xFF }; /* what follows a piece of a plan */
enum { STEP = 5, LENGTH = 24 };                    /* bytes of a step before its piece; of a length, at most */

typedef struct {
    const char *bytes;
    Py_ssize_t size;
    Py_ssize_t marks; /* how many of them are escaped */
} Text;

static int is_marked(char byte)
{
    return byte == '"' || byte == '\\';
}

static Py_ssize_t count_marks(const char *bytes, Py_ssize_t size)
{
    Py_ssize_t marks = 0;
    for (Py_ssize_t at = 0; at < size; at++)
        marks += is_marked(bytes[at]);
    return marks;
}

static char *put(char *to, const Text *text)
{
    if (text->marks == 0) {
        memcpy(to, text->bytes, (size_t)text->size);
        return to + text->size;
    }
    for (Py_ssize_t at = 0; at < text->size; at++) {
        if (is_marked(text->bytes[at]))
            *to++ = '\\';
        *to++ = text->bytes[at];
    }
    return to;
}

/* The text of an entry of a list of str. */
static int read_text(PyObject *list, Py_ssize_t row, Text *text)
{
    PyObject *entry = PyList_GetItem(list, row);
    text->bytes = entry == NULL ? NULL : PyUnicode_AsUTF8AndSize(entry, &text->size);
    if (text->bytes == NULL)
        return -1;
    text->marks = count_marks(text->bytes, text->size);
    return 0;
}

/* The next number of a JSON array of them; `from` stands behind its bracket or behind a comma. */
static int read_score(const char **from, const char *end, Text *text)
{
    const char *comma = *from;
    while (comma < end && *comma != ',' && *comma != ']')
        comma++;
    if (comma == *from || comma == end) {
        PyErr_SetString(PyExc_ValueError, "There are fewer scores than rows.");
        return -1;
    }
    *text = (Text){*from, comma - *from, 0};
    *from = comma + 1;
    return 0;
}

/* How long the answer is; -1 where the plan is none. */
static Py_ssize_t measure(const char *plan, Py_ssize_t size, const Text *values)
{
    Py_ssize_t length = 0;
    while (size >= STEP) {
        uint32_t piece;
        unsigned char hole = (unsigned char)plan[0];
        memcpy(&piece, plan + 1, sizeof piece);
        if ((Py_ssize_t)piece > size - STEP)
            break;
        length += piece;
        if (hole == END)
            return size == STEP + (Py_ssize_t)piece ? length : -1;
        if (hole >= HOLES)
            break;
        length += values[hole].size + values[hole].marks;
        plan += STEP + piece;
        size -= STEP + (Py_ssize_t)piece;
    }
    return -1;
}

static void write_answer(const char *plan, const Text *values, char *to)
{
    for (;;) {
        uint32_t piece;
        unsigned char hole = (unsigned char)plan[0];
        memcpy(&piece, plan + 1, sizeof piece);
        memcpy(to, plan + STEP, piece);
        if (hole == END)
            return;
        to = put(to + piece, &values[hole]);
        plan += STEP + piece;
    }
}

/* One answer behind its length. */
static PyObject *answer(PyObject *plan, const Text *values)
{
    char *steps;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(plan, &steps, &size) < 0)
        return NULL;
    Py_ssize_t length = measure(steps, size, values);
    if (length < 0) {
        PyErr_SetString(PyExc_ValueError, "That is no plan of an answer.");
        return NULL;
    }
    char head[LENGTH];
    char *from = head + LENGTH;
    *--from = '\n', *--from = '\r', *--from = '\n', *--from = '\r';
    Py_ssize_t rest = length;
    do {
        *--from = (char)('0' + rest % 10);
    } while ((rest /= 10) > 0);
    Py_ssize_t said = head + LENGTH - from;
    PyObject *made = PyBytes_FromStringAndSize(NULL, said + length);
    if (made == NULL)
        return NULL;
    char *to = PyBytes_AsString(made);
    memcpy(to, from, (size_t)said);
    write_answer(steps, values, to + said);
    return made;
}

static PyObject *fill(PyObject *module, PyObject *given)
{
    (void)module;
    PyObject *plans, *ids, *predictions, *made;
    const char *scores;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(given, "O!O!O!y#", &PyList_Type, &plans, &PyList_Type, &ids, &PyList_Type, &predictions, &scores,
                          &size))
        return NULL;
    Py_ssize_t rows = PyList_Size(plans);
    const char *score = scores + 1, *end = scores + size;
    if ((made = PyList_New(rows)) == NULL)
        return NULL;
    for (Py_ssize_t row = 0; row < rows; row++) {
        Text values[HOLES];
        PyObject *one = NULL;
        if (read_text(ids, row, &values[ID]) == 0 && read_text(predictions, row, &values[PREDICTION]) == 0 &&
            read_score(&score, end, &values[SCORE]) == 0)
            one = answer(PyList_GetItem(plans, row), values);
        if (one == NULL || PyList_SetItem(made, row, one) < 0) {
            Py_DECREF(made);
            return NULL;
        }
    }
    return made;
}

static PyMethodDef METHODS[] = {
    {"fill", fill, METH_VARARGS, "The answers to rows, each behind its length, by plan, id, prediction's id and score."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "podium.scoring._template",
    .m_doc = "Answers to single rows.",
    .m_methods = METHODS,
};

PyMODINIT_FUNC PyInit__template(void)
{
    return PyModuleDef_Init(&MODULE);
}
