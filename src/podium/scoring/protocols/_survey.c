/* What a JSON body is made of, found in one look at its bytes, while other threads run. See survey.py for what is said, and
 * for the same in Python.
 */

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include <string.h>

enum { LEVELS = 64 };             /* keys are counted so deep */
enum { LONG_DIGITS = 19 };        /* what an integer beyond 64 bits has at least */
enum { LET_OTHERS_RUN = 1 << 16 }; /* bytes from which on that is worth it */

typedef struct {
    Py_ssize_t objects, lists, colons, commas, depth, keys;
    int is_long;
} Survey;

/* The byte behind a string that begins at `at`, or the end where it has none. */
static const char *behind_string(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at == '"')
            return at + 1;
        if (*at == '\\')
            at++;
    }
    return end;
}

static const char *behind_digits(const char *at, const char *end, Survey *found)
{
    const char *begin = at;
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    found->is_long |= at - begin >= LONG_DIGITS;
    return at;
}

static void open_level(Survey *found, Py_ssize_t *level, Py_ssize_t *keys)
{
    if (++*level > found->depth)
        found->depth = *level;
    if (*level > 0 && *level <= LEVELS)
        keys[*level - 1] = 0;
}

static void count_key(Survey *found, Py_ssize_t level, Py_ssize_t *keys)
{
    found->colons++;
    if (level > 0 && level <= LEVELS && ++keys[level - 1] > found->keys)
        found->keys = keys[level - 1];
}

static void look(const char *at, const char *end, Survey *found)
{
    Py_ssize_t level = 0, keys[LEVELS] = {0};
    while (at < end) {
        switch (*at) {
        case '"':
            at = behind_string(at, end);
            continue;
        case '{':
            found->objects++;
            open_level(found, &level, keys);
            break;
        case '[':
            found->lists++;
            open_level(found, &level, keys);
            break;
        case '}':
        case ']':
            level--;
            break;
        case ':':
            count_key(found, level, keys);
            break;
        case ',':
            found->commas++;
            break;
        default:
            if (*at >= '0' && *at <= '9') {
                at = behind_digits(at, end, found);
                continue;
            }
        }
        at++;
    }
}

static PyObject *survey(PyObject *module, PyObject *body)
{
    (void)module;
    char *bytes;
    Py_ssize_t size;
    Survey found = {0};
    if (PyBytes_AsStringAndSize(body, &bytes, &size) < 0)
        return NULL;
    if (size > LET_OTHERS_RUN) {
        Py_BEGIN_ALLOW_THREADS;
        look(bytes, bytes + size, &found);
        Py_END_ALLOW_THREADS;
    } else
        look(bytes, bytes + size, &found);
    return Py_BuildValue("nnnnnnN", found.objects, found.lists, found.colons, found.commas, found.depth, found.keys,
                         PyBool_FromLong(found.is_long));
}

static PyMethodDef METHODS[] = {
    {"survey", survey, METH_O, "Objects, lists, colons, commas, depth, most keys of an object, and if a number is long."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "podium.scoring.protocols._survey",
    .m_doc = "What a JSON body is made of.",
    .m_methods = METHODS,
};

PyMODINIT_FUNC PyInit__survey(void)
{
    return PyModuleDef_Init(&MODULE);
}
