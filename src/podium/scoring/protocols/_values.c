/* The values in bodies that differ from one seen before in nothing else: see skeleton.py, which writes the programs that
 * are run here and says what such a body means.
 *
 * Whatever is not certain is left to the readers in Python: a body that does not fit, a number that is not JSON, not
 * finite or not one that its column may have, a text that is not UTF-8, a key or an id that is not plain. So each answer
 * here is either the one that they would give, or none.
 *
 * A program is a row of steps: kind (1 byte), column (4 bytes, native order), size of the literal that stands before the
 * value (4 bytes), the literal. The last step is an END, whose literal ends the body, or the JSON before tensors in binary.
 */

#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "float64 must be computed as float64"
#endif
#if !defined(__SIZEOF_INT128__)
#error "128-bit products are needed"
#endif
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensors in binary have their low bytes first"
#endif

enum { NUMBER = 'n', INTEGER = 'w', BOOLEAN = 'b', TEXT = 't', KEY = 'k', ID = 'i', ROWS = 'r', END = 'e' }; /* capital: or null */
enum { FP64 = 'x', FP32 = 'y', INT64 = 'u', INT32 = 'v', BYTES = 'z' }; /* tensors in binary: the hole takes their size */
enum { BITS = 'q' }; /* booleans of a record batch, which has the other five too */
static const uint32_t INTEGERS = 1u << 31, OF_KEYS = UINT32_MAX; /* in their columns: of an integer feature, of the key */
enum { NULLABLE = 0x20, HEADER = 9, LONGEST_NUMBER = 1024, MOST_DIGITS = 19 };
enum { LOWEST_POWER = -342, HIGHEST_POWER = 308, POWERS = HIGHEST_POWER - LOWEST_POWER + 1 };

/* A text that was read before: texts are mostly words of a category. One that is shared is made, and hashed, once. */
typedef struct {
    PyObject *text; /* NULL: none yet */
    const char *bytes;
    Py_ssize_t size;
} Word;

enum { WORDS = 256, LONGEST_WORD = 32 };

/* What knows the values of one signature. */
typedef struct {
    PyObject_HEAD
    PyObject *programs;       /* tuple of bytes, to be tried in that order */
    PyObject *table;          /* bytes: the powers */
    const uint64_t *powers;   /* [POWERS][2]: upper and lower half of 5^q, normalised */
    Py_ssize_t width, depth;  /* columns of numbers and of texts */
    Py_ssize_t most_rows;     /* in a body that may have many */
    Py_ssize_t longest_key, longest_id;
    PyObject *null_text, *no_text;
    Word words[WORDS];
} Finder;

typedef struct {
    char kind;
    uint32_t column;
    Py_ssize_t size;
} Tensor;

typedef struct {
    Py_ssize_t room;        /* bytes that may hold values */
    Tensor *tensors;        /* [width + depth + 1], in their order; NULL: there are none in binary */
    Py_ssize_t tensor_count;
    Py_ssize_t first, rows; /* where a body's rows begin, and how many it has; 0: not known yet */
    PyObject *matrix;       /* bytearray, which holds: */
    double *numbers;        /* [rows][width] */
    PyObject *texts;        /* list [rows * depth] */
    PyObject *keys;         /* list [rows]: empty texts where none were sent */
    PyObject *id;           /* NULL: none was sent */
} Found;

enum { NULL_CHARACTER = 0x1A }; /* the one of bundle.columns.NULL_TEXT */

static const double MOST_INTEGER = 9007199254740992.0, MOST_WHOLE = 9223372036854775808.0; /* 2^53, 2^63 */

typedef struct {
    const char *at, *end;
} Cursor;

/* ---- numbers ---- */

static const double EXACT[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* w * 10^q rounded to the nearest float64, ties to even, w > 0. 0: not certain here.
 * D. Lemire, Number parsing at a gigabyte per second, Software: Practice and Experience 51(8), 2021, section 5. */
static int nearest(uint64_t w, long q, const uint64_t *powers, double *made)
{
    if (q < LOWEST_POWER || q > HIGHEST_POWER)
        return 0;
    const uint64_t *power = powers + 2 * (q - LOWEST_POWER);
    int shift = __builtin_clzll(w);
    w <<= shift;
    unsigned __int128 product = (unsigned __int128)w * power[0];
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    if ((high & 0x1FF) == 0x1FF) {
        uint64_t more = (uint64_t)(((unsigned __int128)w * power[1]) >> 64);
        low += more;
        if (low < more)
            high++;
    }
    if (low == UINT64_MAX && (q < -27 || q > 55))
        return 0;
    int upper = (int)(high >> 63);
    uint64_t mantissa = high >> (upper + 9);
    long exponent = (((152170L + 65536L) * q) >> 16) + 63 + upper - shift + 1023;
    if (exponent <= 0 || exponent >= 0x7FE)
        return 0; /* subnormal, or nearly too large */
    if (low <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 && (mantissa << (upper + 9)) == high)
        mantissa &= ~(uint64_t)1;
    mantissa += mantissa & 1;
    mantissa >>= 1;
    if (mantissa >= (uint64_t)1 << 53) {
        mantissa = (uint64_t)1 << 52;
        exponent++;
    }
    uint64_t bits = (mantissa & ~((uint64_t)1 << 52)) | (uint64_t)exponent << 52;
    memcpy(made, &bits, sizeof bits);
    return 1;
}

/* By Python's own parser. 0: not finite, or longer than anybody writes it. */
static int slowly(const char *begin, const char *end, double *made)
{
    char copy[LONGEST_NUMBER];
    size_t size = (size_t)(end - begin);
    if (size >= sizeof copy)
        return 0;
    memcpy(copy, begin, size);
    copy[size] = 0;
    *made = PyOS_string_to_double(copy, NULL, NULL);
    if (PyErr_Occurred()) {
        PyErr_Clear();
        return 0;
    }
    return isfinite(*made);
}

static inline int is_digit(const Cursor *body)
{
    return body->at < body->end && *body->at >= '0' && *body->at <= '9';
}

/* A number as RFC 8259 section 6 has it; one without fraction and exponent must fit into 64 bits. */
static int read_number(Cursor *body, const uint64_t *powers, double *made)
{
    const char *begin = body->at;
    uint64_t w = 0;
    long q = 0;
    int digits = 0, cut = 0, whole = 1;
    int negative = body->at < body->end && *body->at == '-';
    body->at += negative;
    if (!is_digit(body))
        return 0;
    if (*body->at == '0') {
        body->at++;
        if (is_digit(body))
            return 0;
    }
    for (; is_digit(body); body->at++) {
        if (digits < MOST_DIGITS) {
            w = 10 * w + (uint64_t)(*body->at - '0');
            digits++;
        } else {
            q++;
            cut = 1;
        }
    }
    if (body->at < body->end && *body->at == '.') {
        whole = 0;
        body->at++;
        if (!is_digit(body))
            return 0;
        for (; is_digit(body); body->at++) {
            if (digits < MOST_DIGITS) {
                w = 10 * w + (uint64_t)(*body->at - '0');
                digits += w > 0;
                q--;
            } else {
                cut = 1;
            }
        }
    }
    if (body->at < body->end && (*body->at == 'e' || *body->at == 'E')) {
        whole = 0;
        body->at++;
        int below = body->at < body->end && *body->at == '-';
        if (body->at < body->end && (*body->at == '-' || *body->at == '+'))
            body->at++;
        if (!is_digit(body))
            return 0;
        long power = 0;
        for (; is_digit(body); body->at++)
            if (power < 100000)
                power = 10 * power + (*body->at - '0');
        q += below ? -power : power;
    }
    double found, other;
    if (w == 0) {
        found = 0.0;
        negative &= !whole; /* -0 is a whole number, and there is but one zero among these */
    } else if (!cut && w <= (uint64_t)1 << 53 && q >= -22 && q <= 22) {
        found = q < 0 ? (double)w / EXACT[-q] : (double)w * EXACT[q];
    } else if (!nearest(w, q, powers, &found) || (cut && (!nearest(w + 1, q, powers, &other) || other != found))) {
        return slowly(begin, body->at, made) && (!whole || fabs(*made) < MOST_WHOLE);
    }
    *made = negative ? -found : found;
    return !whole || found < MOST_WHOLE;
}

/* ---- other values ---- */

static int is_next(Cursor *body, const char *word, Py_ssize_t size)
{
    if (body->end - body->at < size || memcmp(body->at, word, (size_t)size) != 0)
        return 0;
    body->at += size;
    return 1;
}

static inline int is_null(Cursor *body)
{
    return body->at < body->end && *body->at == 'n' && is_next(body, "null", 4);
}

/* What stands between two quotes, if nothing in it is escaped. */
static int read_text(Cursor *body, const char **begin, Py_ssize_t *size)
{
    const char *at = body->at, *end = body->end;
    if (at == end || *at != '"')
        return 0;
    *begin = ++at;
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
        at++;
    if (at == end || *at != '"')
        return 0;
    *size = at - *begin;
    body->at = at + 1;
    return 1;
}

/* A new reference; NULL without an error set: not a text that is certain. */
static PyObject *decoded(const char *begin, Py_ssize_t size)
{
    PyObject *made = PyUnicode_DecodeUTF8(begin, size, NULL);
    if (made == NULL)
        PyErr_Clear();
    return made;
}

/* The place of a word: by its bytes, eight at a time. */
static size_t place_of(const char *begin, Py_ssize_t size)
{
    uint64_t mixed = (uint64_t)size;
    for (; size > 0; size -= 8, begin += 8) {
        uint64_t some = 0;
        memcpy(&some, begin, size < 8 ? (size_t)size : 8);
        mixed = (mixed ^ some) * 0x9E3779B97F4A7C15u;
        mixed ^= mixed >> 32;
    }
    return mixed % WORDS;
}

/* A text of a feature; the same object as before where it is a word that was there not long ago. */
static PyObject *word(const char *begin, Py_ssize_t size, Finder *self)
{
    if (size > LONGEST_WORD)
        return decoded(begin, size);
    Word *known = self->words + place_of(begin, size);
    if (known->text != NULL && known->size == size && memcmp(known->bytes, begin, (size_t)size) == 0)
        return Py_NewRef(known->text);
    PyObject *made = decoded(begin, size), *before = known->text;
    if (made == NULL)
        return NULL;
    known->text = NULL;
    Py_XDECREF(before);
    known->bytes = PyUnicode_AsUTF8AndSize(made, &known->size);
    if (known->bytes == NULL)
        PyErr_Clear();
    else
        known->text = Py_NewRef(made);
    return made;
}

static PyObject *text(Cursor *body, int nullable, Finder *self)
{
    const char *begin;
    Py_ssize_t size;
    if (nullable && is_null(body))
        return Py_NewRef(self->null_text);
    return read_text(body, &begin, &size) ? word(begin, size, self) : NULL;
}

/* A key as text: a text, a whole number of up to 18 digits, or null. */
static PyObject *key(Cursor *body, const Finder *self)
{
    const char *begin = body->at;
    Py_ssize_t size;
    if (is_null(body))
        return PyUnicode_FromStringAndSize("", 0);
    if (read_text(body, &begin, &size))
        return size <= self->longest_key ? decoded(begin, size) : NULL;
    body->at += body->at < body->end && *body->at == '-';
    const char *digits = body->at;
    while (is_digit(body))
        body->at++;
    size = body->at - digits;
    if (size == 0 || size > 18 || (*digits == '0' && (size > 1 || digits > begin)))
        return NULL;
    return decoded(begin, body->at - begin);
}

/* A request's id, of characters that anybody can print. */
static PyObject *id(Cursor *body, const Finder *self)
{
    const char *begin;
    Py_ssize_t size;
    if (!read_text(body, &begin, &size) || size == 0 || size > self->longest_id)
        return NULL;
    for (Py_ssize_t at = 0; at < size; at++)
        if (begin[at] < 0x20 || begin[at] > 0x7E)
            return NULL;
    return decoded(begin, size);
}

/* A whole number of up to nine digits. */
static int read_count(Cursor *body, Py_ssize_t *made)
{
    Py_ssize_t count = 0;
    const char *begin = body->at;
    for (; is_digit(body) && body->at - begin < 9; body->at++)
        count = 10 * count + (*body->at - '0');
    *made = count;
    return body->at > begin && *begin != '0';
}

/* Whether it is one that float64 certainly has as it was sent; among these there is but one zero. */
static int is_integer(double *made)
{
    *made += 0.0;
    return fabs(*made) < MOST_INTEGER && *made == rint(*made);
}

static int read_boolean(Cursor *body, double *made)
{
    *made = 1.0;
    if (is_next(body, "true", 4))
        return 1;
    *made = 0.0;
    return is_next(body, "false", 5);
}

static void skip_space(Cursor *body)
{
    while (body->at < body->end && (*body->at == ' ' || *body->at == '\n' || *body->at == '\t' || *body->at == '\r'))
        body->at++;
}

/* ---- bodies ---- */

/* One value into its place. */
static int take_value(Cursor *body, char kind, uint32_t column, Py_ssize_t row, Found *found, Finder *self)
{
    char bare = kind | NULLABLE;
    if (bare != KEY && column >= (uint32_t)(bare == TEXT ? self->depth : self->width))
        return 0;
    if (bare == TEXT) {
        PyObject *made = text(body, bare != kind, self);
        return made != NULL && PyList_SetItem(found->texts, row * self->depth + column, made) == 0;
    }
    if (bare == KEY) {
        PyObject *made = key(body, self);
        return made != NULL && PyList_SetItem(found->keys, row, made) == 0;
    }
    double *place = found->numbers + row * self->width + column;
    if (bare != kind && is_null(body)) {
        *place = NAN;
        return 1;
    }
    if (bare == BOOLEAN)
        return read_boolean(body, place);
    return read_number(body, self->powers, place) && (bare != INTEGER || is_integer(place));
}

/* As many values as there are rows, with commas between them. */
static int take_values(Cursor *body, char kind, uint32_t column, Found *found, Finder *self)
{
    for (Py_ssize_t row = found->first; row < found->first + found->rows; row++) {
        if (row > found->first) {
            skip_space(body);
            if (!is_next(body, ",", 1))
                return 0;
            skip_space(body);
        }
        if (!take_value(body, kind, column, row, found, self))
            return 0;
    }
    return 1;
}

/* A list of `size` times the same; NULL with an error set. */
static PyObject *repeated(PyObject *each, Py_ssize_t size)
{
    PyObject *made = PyList_New(size);
    for (Py_ssize_t at = 0; made != NULL && at < size; at++)
        PyList_SetItem(made, at, Py_NewRef(each));
    return made;
}

static void clear_rows(Found *found)
{
    Py_CLEAR(found->matrix);
    Py_CLEAR(found->texts);
    Py_CLEAR(found->keys);
}

static void clear(Found *found)
{
    clear_rows(found);
    Py_CLEAR(found->id);
}

/* Room for so many rows. 0 with an error set. */
static int prepare(Found *found, Py_ssize_t rows, const Finder *self)
{
    clear_rows(found);
    found->matrix = PyByteArray_FromStringAndSize(NULL, rows * self->width * (Py_ssize_t)sizeof(double));
    found->texts = repeated(self->null_text, rows * self->depth);
    found->keys = repeated(self->no_text, rows);
    if (found->matrix == NULL || found->texts == NULL || found->keys == NULL)
        return 0;
    found->numbers = (double *)(void *)PyByteArray_AsString(found->matrix);
    for (Py_ssize_t at = 0; at < rows * self->width; at++)
        found->numbers[at] = NAN; /* the one that everybody means by null: others have other bits */
    return 1;
}

/* Take in how many rows a body has. Each value is a byte at least, so a short body cannot claim much room. */
static int take_rows(Cursor *body, Found *found, const Finder *self, int single)
{
    Py_ssize_t rows;
    if (!read_count(body, &rows))
        return 0;
    if (found->rows > 0)
        return rows == found->rows;
    found->rows = rows;
    if (single)
        return rows == 1;
    int fits = rows <= self->most_rows && rows <= found->room / (self->width + self->depth);
    return fits && prepare(found, rows, self);
}

static int is_binary(char bare)
{
    return bare == FP64 || bare == FP32 || bare == INT64 || bare == INT32 || bare == BYTES;
}

/* Take in how many bytes a tensor has. */
static int take_tensor(Cursor *body, char kind, uint32_t column, Found *found, const Finder *self)
{
    Tensor made = {kind, column, 0};
    int known = (kind | NULLABLE) == BYTES ? column == OF_KEYS || column < (uint32_t)self->depth
                                           : (column & ~INTEGERS) < (uint32_t)self->width;
    if (!known || found->rows == 0 || found->tensors == NULL || found->tensor_count > self->width + self->depth)
        return 0;
    if (!read_count(body, &made.size))
        return 0;
    found->tensors[found->tensor_count++] = made;
    return 1;
}

/* Run a program over a body. 0: it does not fit, or an error is set. */
static int run(PyObject *program, Cursor body, Found *found, Finder *self, int single)
{
    const char *step = PyBytes_AsString(program), *last = step + PyBytes_Size(program);
    found->rows = found->tensor_count = 0;
    Py_CLEAR(found->id);
    while (last - step >= HEADER) {
        uint32_t column, size;
        char kind = step[0];
        memcpy(&column, step + 1, sizeof column);
        memcpy(&size, step + 5, sizeof size);
        step += HEADER;
        if ((Py_ssize_t)size > last - step || !is_next(&body, step, (Py_ssize_t)size))
            return 0;
        step += size;
        if (kind == END)
            return body.at == body.end && found->rows > 0;
        if (kind == ROWS) {
            if (!take_rows(&body, found, self, single))
                return 0;
        } else if (kind == ID) {
            Py_XDECREF(found->id);
            found->id = id(&body, self);
            if (found->id == NULL)
                return 0;
        } else if (is_binary(kind | NULLABLE)) {
            if (!take_tensor(&body, kind, column, found, self))
                return 0;
        } else if (found->rows == 0 || !take_values(&body, kind, column, found, self)) {
            return 0;
        }
    }
    return 0;
}

/* The first program that fits. 0: none, or an error is set. */
static int run_any(Finder *self, Cursor body, Found *found, int single)
{
    Py_ssize_t count = PyTuple_Size(self->programs);
    for (Py_ssize_t at = 0; at < count; at++) {
        if (run(PyTuple_GetItem(self->programs, at), body, found, self, single))
            return 1;
        if (PyErr_Occurred())
            return 0;
    }
    return 0;
}

/* ---- tensors in binary ---- */

static int is_set(const char *bits, Py_ssize_t at)
{
    return bits[at >> 3] >> (at & 7) & 1;
}

/* A column of numbers, in the machine's own order of bytes. `known`: bits of those that are not null; NULL: all. */
static int take_numbers(const Tensor *tensor, const char *at, const char *known, Found *found, const Finder *self)
{
    char bare = tensor->kind | NULLABLE;
    Py_ssize_t each = bare == FP32 || bare == INT32 ? 4 : 8;
    if (tensor->size != found->rows * each)
        return 0;
    double *place = found->numbers + (tensor->column & ~INTEGERS);
    for (Py_ssize_t row = 0; row < found->rows; row++, at += each, place += self->width) {
        if (known != NULL && !is_set(known, row))
            continue;
        float single;
        int32_t small;
        int64_t whole;
        if (bare == FP64)
            memcpy(place, at, sizeof *place);
        else if (bare == FP32)
            *place = (memcpy(&single, at, sizeof single), single);
        else if (bare == INT32)
            *place = (memcpy(&small, at, sizeof small), small);
        else
            *place = (double)(memcpy(&whole, at, sizeof whole), whole);
        if (isnan(*place)) {
            if (bare == tensor->kind)
                return 0;
            *place = NAN;
        } else if (tensor->column & INTEGERS ? !is_integer(place)
                                             : !isfinite(*place) || (bare == INT64 && fabs(*place) >= MOST_INTEGER)) {
            return 0;
        }
    }
    return 1;
}

/* A text, without the two characters that none may have, into its place. */
static int keep_text(uint32_t column, Py_ssize_t row, const char *at, Py_ssize_t size, Found *found, Finder *self)
{
    if (memchr(at, 0, (size_t)size) != NULL || memchr(at, NULL_CHARACTER, (size_t)size) != NULL)
        return 0;
    int is_key = column == OF_KEYS;
    PyObject *made = !is_key ? word(at, size, self) : size > self->longest_key ? NULL : decoded(at, size);
    return made != NULL &&
           PyList_SetItem(is_key ? found->keys : found->texts, is_key ? row : row * self->depth + column, made) == 0;
}

/* A column of texts, each behind its length in 4 bytes. */
static int take_texts(const Tensor *tensor, const char *at, Found *found, Finder *self)
{
    const char *end = at + tensor->size;
    for (Py_ssize_t row = 0; row < found->rows; row++) {
        uint32_t size;
        if (end - at < (Py_ssize_t)sizeof size)
            return 0;
        memcpy(&size, at, sizeof size);
        at += sizeof size;
        if ((Py_ssize_t)size > end - at || !keep_text(tensor->column, row, at, (Py_ssize_t)size, found, self))
            return 0;
        at += size;
    }
    return at == end;
}

static int take_tensors(Finder *self, Cursor rest, Found *found)
{
    for (const Tensor *tensor = found->tensors; tensor < found->tensors + found->tensor_count; tensor++) {
        if (tensor->size > rest.end - rest.at)
            return 0;
        if (!((tensor->kind | NULLABLE) == BYTES ? take_texts(tensor, rest.at, found, self)
                                                 : take_numbers(tensor, rest.at, NULL, found, self)))
            return 0;
        rest.at += tensor->size;
    }
    return rest.at == rest.end;
}

/* ---- a record batch of Arrow ----
 *
 * A program is a Frame (how long the message's metadata are; where in them the length of its body, the rows, the nodes and
 * the buffers stand; how many nodes and buffers there are), for each column its kind (1 byte) and column (4 bytes), and the
 * metadata of one such message.
 */

typedef struct {
    int64_t size, length, rows, nodes, buffers, node_count, buffer_count;
} Frame;

enum { COLUMN = 5 };

static int64_t long_at(const char *at)
{
    int64_t made;
    memcpy(&made, at, sizeof made);
    return made;
}

/* Whether the metadata are those of the program but for the numbers in them. */
static int is_like(const Frame *frame, const char *like, const char *metadata)
{
    const int64_t holes[4][2] = {{frame->length, 8}, {frame->rows, 8}, {frame->nodes, 16 * frame->node_count},
                                 {frame->buffers, 16 * frame->buffer_count}};
    int64_t at = 0;
    for (int done = 0; done < 4; done++) {
        int next = -1;
        for (int hole = 0; hole < 4; hole++)
            if (holes[hole][0] >= at && (next < 0 || holes[hole][0] < holes[next][0]))
                next = hole;
        if (next < 0 || memcmp(like + at, metadata + at, (size_t)(holes[next][0] - at)) != 0)
            return 0;
        at = holes[next][0] + holes[next][1];
    }
    return at <= frame->size && memcmp(like + at, metadata + at, (size_t)(frame->size - at)) == 0;
}

/* One of the buffers, which must have so many bytes at least. */
static int take_buffer(const char *entry, Cursor body, int64_t least, Cursor *made)
{
    int64_t offset = long_at(entry), size = long_at(entry + 8), whole = body.end - body.at;
    if (offset < 0 || size < least || offset % 8 != 0 || size > whole || offset > whole - size)
        return 0;
    *made = (Cursor){body.at + offset, body.at + offset + size};
    return 1;
}

/* Which of the values are not null (NULL: all), as many as is said. */
static int take_known(const char *entry, Cursor body, Py_ssize_t rows, int64_t nulls, const char **made)
{
    Cursor bits;
    *made = NULL;
    if (long_at(entry + 8) == 0)
        return nulls == 0;
    if (!take_buffer(entry, body, (rows + 7) / 8, &bits))
        return 0;
    int64_t found = 0;
    for (Py_ssize_t row = 0; row < rows; row++)
        found += !is_set(bits.at, row);
    if (nulls > 0)
        *made = bits.at;
    return found == nulls;
}

/* A column of texts that stand one after the other, and where each begins. */
static int take_words(uint32_t column, Cursor offsets, Cursor data, const char *known, Found *found, Finder *self)
{
    int32_t begin, end;
    memcpy(&begin, offsets.at, sizeof begin);
    for (Py_ssize_t row = 0; row < found->rows; row++, begin = end) {
        memcpy(&end, offsets.at + 4 * (row + 1), sizeof end);
        if (begin < 0 || end < begin || end > data.end - data.at)
            return 0;
        if ((known == NULL || is_set(known, row)) && !keep_text(column, row, data.at + begin, end - begin, found, self))
            return 0;
    }
    return 1;
}

static int take_bits(const Tensor *tensor, const char *bits, const char *known, Found *found, const Finder *self)
{
    double *place = found->numbers + tensor->column;
    for (Py_ssize_t row = 0; row < found->rows; row++, place += self->width)
        if (known == NULL || is_set(known, row))
            *place = is_set(bits, row);
    return 1;
}

/* One column; `entry` is that of its first buffer and goes behind its last. */
static int take_column(Tensor tensor, const char *node, const char **entry, Cursor body, Found *found, Finder *self)
{
    char bare = tensor.kind | NULLABLE;
    int64_t nulls = long_at(node + 8), rows = found->rows;
    const char *known, *first = *entry;
    Cursor data, more;
    *entry += bare == BYTES ? 48 : 32;
    if (long_at(node) != rows || nulls < 0 || (nulls > 0 && bare == tensor.kind) || !take_known(first, body, rows, nulls, &known))
        return 0;
    if (bare == BYTES)
        return take_buffer(first + 16, body, 4 * (rows + 1), &data) && take_buffer(first + 32, body, 0, &more) &&
               take_words(tensor.column, data, more, known, found, self);
    if (bare == BITS)
        return take_buffer(first + 16, body, (rows + 7) / 8, &data) && take_bits(&tensor, data.at, known, found, self);
    tensor.size = rows * (bare == FP32 || bare == INT32 ? 4 : 8);
    return take_buffer(first + 16, body, tensor.size, &data) && take_numbers(&tensor, data.at, known, found, self);
}

/* Whether a column's kind and place are such that it can be taken. */
static int is_column(const Tensor *tensor, const Finder *self)
{
    char bare = tensor->kind | NULLABLE;
    if (bare == BYTES)
        return tensor->column == OF_KEYS || tensor->column < (uint32_t)self->depth;
    return (bare == BITS || is_binary(bare)) && (tensor->column & ~INTEGERS) < (uint32_t)self->width &&
           !(bare == BITS && tensor->column & INTEGERS);
}

/* The batch that `body` is, and the end of the stream behind it. 0: it does not fit, or an error is set. */
static int take_batch(PyObject *program, Cursor body, Found *found, Finder *self)
{
    static const char STREAM_END[8] = {'\xff', '\xff', '\xff', '\xff'};
    Frame frame;
    const char *columns = PyBytes_AsString(program) + sizeof frame;
    if (PyBytes_Size(program) < (Py_ssize_t)sizeof frame)
        return 0;
    memcpy(&frame, columns - sizeof frame, sizeof frame);
    const int64_t numbers[7] = {frame.size, frame.length, frame.rows, frame.nodes, frame.buffers, frame.node_count, frame.buffer_count};
    for (int at = 0; at < 7; at++)
        if (numbers[at] < 0 || numbers[at] > PyBytes_Size(program))
            return 0;
    const char *like = columns + COLUMN * frame.node_count;
    if (PyBytes_Size(program) != (Py_ssize_t)sizeof frame + COLUMN * frame.node_count + frame.size ||
        frame.length + 8 > frame.size || frame.rows + 8 > frame.size || frame.nodes + 16 * frame.node_count > frame.size ||
        frame.buffers + 16 * frame.buffer_count > frame.size)
        return 0;
    if (body.end - body.at < frame.size || !is_like(&frame, like, body.at))
        return 0;
    const char *nodes = body.at + frame.nodes, *entry = body.at + frame.buffers, *last = entry + 16 * frame.buffer_count;
    int64_t length = long_at(body.at + frame.length), rows = long_at(body.at + frame.rows);
    body.at += frame.size;
    if (length < 0 || length > body.end - body.at || rows <= 0 || rows > self->most_rows ||
        rows > (body.end - body.at) / (self->width + self->depth))
        return 0;
    Cursor rest = {body.at + length, body.end};
    body.end = rest.at;
    if (!(rest.at == rest.end || (rest.end - rest.at == 8 && memcmp(rest.at, STREAM_END, 8) == 0)))
        return 0;
    found->rows = (Py_ssize_t)rows;
    if (!prepare(found, found->rows, self))
        return 0;
    for (int64_t at = 0; at < frame.node_count; at++, columns += COLUMN, nodes += 16) {
        Tensor tensor = {.kind = columns[0]};
        memcpy(&tensor.column, columns + 1, sizeof tensor.column);
        if (!is_column(&tensor, self) || last - entry < ((tensor.kind | NULLABLE) == BYTES ? 48 : 32) ||
            !take_column(tensor, nodes, &entry, body, found, self))
            return 0;
    }
    return entry == last;
}

/* ---- what Python sees ---- */

static int take_bytes(PyObject *given, Cursor *made)
{
    char *start;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(given, &start, &size) < 0)
        return 0;
    *made = (Cursor){start, start + size};
    return 1;
}

/* Leave only the first rows. 0 with an error set. */
static int cut(Found *found, PyObject *ids, Py_ssize_t rows, Py_ssize_t room, const Finder *self)
{
    if (rows == room)
        return 1;
    return PyByteArray_Resize(found->matrix, rows * self->width * (Py_ssize_t)sizeof(double)) == 0 &&
           PyList_SetSlice(found->texts, rows * self->depth, room * self->depth, NULL) == 0 &&
           PyList_SetSlice(found->keys, rows, room, NULL) == 0 && PyList_SetSlice(ids, rows, room, NULL) == 0;
}

/* The rows of bodies that fit; the places of others join `misfits`. 0 with an error set. */
static int take_bodies(Finder *self, PyObject *bodies, Found *found, PyObject *ids, PyObject *misfits)
{
    Py_ssize_t count = PyList_Size(bodies);
    for (Py_ssize_t at = 0; at < count; at++) {
        Cursor body;
        if (!take_bytes(PyList_GetItem(bodies, at), &body))
            return 0;
        if (run_any(self, body, found, 1)) {
            if (found->id != NULL && PyList_SetItem(ids, found->first, Py_NewRef(found->id)) < 0)
                return 0;
            found->first++;
            continue;
        }
        if (PyErr_Occurred())
            return 0;
        PyList_SetItem(found->keys, found->first, Py_NewRef(self->no_text)); /* one may have been read */
        PyObject *place = PyLong_FromSsize_t(at);
        if (place == NULL || PyList_Append(misfits, place) < 0) {
            Py_XDECREF(place);
            return 0;
        }
        Py_DECREF(place);
    }
    return cut(found, ids, found->first, count, self);
}

static PyObject *finder_single(Finder *self, PyObject *bodies)
{
    Found found = {0};
    PyObject *made = NULL;
    if (!PyList_Check(bodies)) {
        PyErr_SetString(PyExc_TypeError, "a list of bodies is wanted");
        return NULL;
    }
    PyObject *ids = repeated(self->no_text, PyList_Size(bodies)), *misfits = PyList_New(0);
    if (ids != NULL && misfits != NULL && prepare(&found, PyList_Size(bodies), self) &&
        take_bodies(self, bodies, &found, ids, misfits))
        made = PyTuple_Pack(5, found.matrix, found.texts, found.keys, ids, misfits);
    clear(&found);
    Py_XDECREF(ids);
    Py_XDECREF(misfits);
    return made;
}

/* What was found in a body with many rows; takes it over. */
static PyObject *answered(const Finder *self, Found *found, int fits)
{
    PyObject *made = NULL;
    if (fits)
        made = Py_BuildValue("nOOOO", found->rows, found->matrix, found->texts, found->keys,
                             found->id == NULL ? self->no_text : found->id);
    else if (!PyErr_Occurred())
        made = Py_NewRef(Py_None);
    clear(found);
    return made;
}

static PyObject *finder_many(Finder *self, PyObject *given)
{
    Found found = {0};
    Cursor body;
    if (!take_bytes(given, &body))
        return NULL;
    found.room = body.end - body.at;
    return answered(self, &found, run_any(self, body, &found, 0));
}

static PyObject *finder_binary(Finder *self, PyObject *arguments)
{
    Found found = {0};
    PyObject *given;
    Py_ssize_t size;
    Cursor body;
    if (!PyArg_ParseTuple(arguments, "Sn", &given, &size) || !take_bytes(given, &body))
        return NULL;
    if (size < 0 || size > body.end - body.at) {
        PyErr_SetString(PyExc_ValueError, "the body is not as long as its header");
        return NULL;
    }
    Cursor header = {body.at, body.at + size}, rest = {body.at + size, body.end};
    found.room = rest.end - rest.at;
    found.tensors = PyMem_Calloc((size_t)(self->width + self->depth + 1), sizeof(Tensor));
    if (found.tensors == NULL)
        return PyErr_NoMemory();
    int fits = run_any(self, header, &found, 0) && take_tensors(self, rest, &found);
    PyMem_Free(found.tensors);
    return answered(self, &found, fits);
}

static PyObject *finder_batch(Finder *self, PyObject *arguments)
{
    Found found = {0};
    PyObject *given;
    Py_ssize_t at;
    Cursor body;
    if (!PyArg_ParseTuple(arguments, "Sn", &given, &at) || !take_bytes(given, &body))
        return NULL;
    if (at < 0 || at > body.end - body.at) {
        PyErr_SetString(PyExc_ValueError, "the body is not as long as its schema");
        return NULL;
    }
    body.at += at;
    int fits = 0;
    for (Py_ssize_t each = 0; each < PyTuple_Size(self->programs) && !fits && !PyErr_Occurred(); each++)
        fits = take_batch(PyTuple_GetItem(self->programs, each), body, &found, self);
    return answered(self, &found, fits && !PyErr_Occurred());
}

static int finder_init(Finder *self, PyObject *arguments, PyObject *named)
{
    if (self->programs != NULL) {
        PyErr_SetString(PyExc_TypeError, "it is made already");
        return -1;
    }
    static char *names[] = {"programs", "powers", "width", "depth", "most_rows", "longest_key", "longest_id", "null_text", NULL};
    if (!PyArg_ParseTupleAndKeywords(arguments, named, "O!SnnnnnU", names, &PyTuple_Type, &self->programs, &self->table,
                                     &self->width, &self->depth, &self->most_rows, &self->longest_key,
                                     &self->longest_id, &self->null_text)) {
        self->programs = self->table = self->null_text = NULL; /* borrowed so far */
        return -1;
    }
    Py_INCREF(self->programs);
    Py_INCREF(self->table);
    Py_INCREF(self->null_text);
    self->no_text = PyUnicode_FromStringAndSize("", 0);
    if (self->no_text == NULL)
        return -1;
    int good = PyBytes_Size(self->table) == POWERS * 2 * (Py_ssize_t)sizeof(uint64_t) && self->width >= 0 &&
               self->depth >= 0 && self->width + self->depth > 0;
    for (Py_ssize_t at = 0; good && at < PyTuple_Size(self->programs); at++)
        good = PyBytes_Check(PyTuple_GetItem(self->programs, at));
    if (!good) {
        PyErr_SetString(PyExc_ValueError, "the programs are not bytes, or the powers or the columns are not as they must be");
        return -1;
    }
    self->powers = (const uint64_t *)(const void *)PyBytes_AsString(self->table);
    return 0;
}

static void finder_dealloc(Finder *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    Py_XDECREF(self->programs);
    Py_XDECREF(self->table);
    Py_XDECREF(self->null_text);
    Py_XDECREF(self->no_text);
    for (int at = 0; at < WORDS; at++)
        Py_XDECREF(self->words[at].text);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static PyMethodDef METHODS[] = {
    {"single", (PyCFunction)finder_single, METH_O, "Numbers, texts, keys and ids of single rows, and which bodies do not fit."},
    {"many", (PyCFunction)finder_many, METH_O, "How many rows a body has; their numbers, texts and keys; its id. Or None."},
    {"binary", (PyCFunction)finder_binary, METH_VARARGS, "The same of a body whose first bytes are JSON, and the rest tensors."},
    {"batch", (PyCFunction)finder_batch, METH_VARARGS, "The same of an Arrow stream whose one record batch begins there."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot SLOTS[] = {
    {Py_tp_doc, "Finds the values in bodies that differ in nothing else."},
    {Py_tp_init, finder_init},
    {Py_tp_dealloc, finder_dealloc},
    {Py_tp_methods, METHODS},
    {0, NULL},
};

static PyType_Spec FINDER = {
    .name = "podium.scoring.protocols._values.Finder",
    .basicsize = sizeof(Finder),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = SLOTS,
};

static int start(PyObject *module)
{
    PyObject *type = PyType_FromSpec(&FINDER);
    int failed = type == NULL || PyModule_AddObjectRef(module, "Finder", type) < 0;
    Py_XDECREF(type);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot PARTS[] = {{Py_mod_exec, start}, {0, NULL}};

static PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "podium.scoring.protocols._values",
    .m_doc = "The values in bodies that differ from one seen before in nothing else.",
    .m_slots = PARTS,
};

PyMODINIT_FUNC PyInit__values(void)
{
    return PyModuleDef_Init(&MODULE);
}
