/* Runs a model's graph as one program over columns of rows: see program.py, which writes it.
 *
 * The rows go through in blocks of BLOCK. A block's columns stand one after the other (`cells`); each step makes one
 * column of others, as ONNX Runtime's operator computes it, in the same order of additions. A row's score does not
 * depend on the rows beside it. Texts become codes first; the rest is arithmetic, and lets other threads run where it
 * takes long.
 *
 * A program that makes no sense is refused when it is made; nothing is checked again while it runs.
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

enum { BLOCK = 64, LANES = 8, MOST_LEAVES = 64 };
static const uint32_t NULL_LEFT = 1u << 31; /* in a node's `child`: a null goes left */

/* The steps; program.py has the same list in the same order. */
enum {
    NUMBER, TEXT, CONSTANT,                    /* from column `a` of the numbers; of the texts by dictionary `b`; `value` */
    ADD, SUBTRACT, MULTIPLY, DIVIDE, LEAST, MOST, SAME, BOTH, EITHER,           /* of columns `a` and `b` */
    ADD_TO, SUBTRACT_FROM, MULTIPLY_BY, DIVIDE_BY, LEAST_OF, MOST_OF, SAME_AS,  /* of column `a` and `value` */
    IS_NULL, FILL, CHOOSE,                     /* a != a; a, or `value` for null; `value` where column `b`, else a */
    ROUND, SIGMOID, EXPONENT,
    MEMBER, CODE,                              /* whether a is in the set at `b` of the table; its code there, or `value` */
    SUM, TREES,                                /* of the `b` columns from `a` on in the list; ensemble `a` */
    STEPS
};

typedef struct {
    int32_t kind, to, a, b;
    double value;
} Step;

typedef struct {
    double limit;   /* up to it to the left */
    uint32_t cell;  /* where the column begins; of a leaf a column of zeros, which sends each row to where it is */
    uint32_t child; /* the left one; the right one is next to it. A leaf: itself */
} Node;

/* A split of a tree with few leaves, for rows that go all ways at once: who goes right leaves the leaves at the left. */
typedef struct {
    double limit;
    uint64_t stay; /* the leaves that are not at the left of it */
    uint32_t cell;
} Mark;

struct Ensemble;
typedef void Striking(const struct Ensemble *, const double *, double *);

typedef struct Ensemble {
    Py_ssize_t trees;
    Striking *striking;             /* NULL: rows go down the trees */
    Mark *marks;                    /* tree by tree, those that send nulls left behind the others */
    uint32_t *plain, *all;          /* where each tree's marks end: the plain ones, and all */
    double *ranked;                 /* [trees][MOST_LEAVES] leaves from left to right */
    Node *nodes;
    double *leaves;                 /* what each node adds, were it a leaf */
    uint32_t *roots;
    uint32_t *shallow, *deep;       /* of each tree: the fewest and the most splits on a way */
    int nulls;                      /* whether any split sends them left */
} Ensemble;

typedef struct {
    PyObject_HEAD
    Py_ssize_t width, depth, columns, steps, count, answers;
    Step *step;
    int32_t *list, *answer;
    double *table;
    PyObject *dictionaries;
    Ensemble *ensembles;
    Py_ssize_t texts;  /* the steps with which it begins that look texts up */
    Py_ssize_t effort; /* of a row, about: nanoseconds */
    double *room;      /* for the cells of rows of one block, and their codes */
} Program;

/* The cells of a block [columns + 1][BLOCK], of which the last are zeros for leaves, and the codes [texts][rows] of all. */
typedef struct {
    double *cells;
    const double *codes;
    Py_ssize_t rows;
} Work;

enum { LONG = 200000 }; /* nanoseconds of effort for which others need not wait */

/* ---- columns ---- */

#define EACH(formula) for (Py_ssize_t row = 0; row < rows; row++) to[row] = (formula)

/* The exponential as Eigen's vectors compute it, which ONNX Runtime uses: Cephes' rational approximation. */
static double exponent(double x)
{
    static const double HIGH = 709.784, LOW = -745.13321910194122;
    if (x != x || x > HIGH)
        return x != x ? x : HUGE_VAL;
    if (x < LOW)
        return 0.0;
    double whole = floor(x * 1.4426950408889634073599 + 0.5);
    x = (x - whole * 0.693145751953125) - whole * 1.42860682030941723212e-6;
    double square = x * x;
    double above = 1.26177193074810590878e-4;
    above = above * square + 3.02994407707441961300e-2;
    above = above * square + 9.99999999999999999910e-1;
    above = above * x;
    double below = 3.00198505138664455042e-6;
    below = below * square + 2.52448340349684104192e-3;
    below = below * square + 2.27265548208155028766e-1;
    below = below * square + 2.00000000000000000009e0;
    return ldexp(2.0 * (above / (below - above)) + 1.0, (int)whole);
}

static double sigmoid(double x)
{
    double share = 1.0 / (1.0 + exponent(-fabs(x)));
    return x >= 0.0 ? share : 1.0 - share;
}

static int is_member(const double *set, double x)
{
    double count = set[0]; /* then so many 0 or 1 */
    if (!(x >= 0.0 && x < count))
        return 0;
    Py_ssize_t at = (Py_ssize_t)x;
    return (double)at == x && set[1 + at] != 0.0;
}

static double code_of(const double *codes, double x, double otherwise)
{
    Py_ssize_t count = (Py_ssize_t)codes[0], low = 0, high = count; /* then so many keys, rising, and their codes */
    const double *keys = codes + 1;
    while (low < high) {
        Py_ssize_t middle = (low + high) / 2;
        if (keys[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && keys[low] == x ? keys[count + low] : otherwise;
}

/* Two vectors of two doubles, in turn: the order in which Eigen adds up. */
static void sum(const int32_t *from, Py_ssize_t count, double *to, const double *block, Py_ssize_t rows)
{
    for (Py_ssize_t row = 0; row < rows; row++) {
        const double *cells = block + row;
        double part[4];
        for (int lane = 0; lane < 4; lane++)
            part[lane] = cells[(Py_ssize_t)from[lane] * BLOCK];
        for (Py_ssize_t at = 4; at < count; at += 4)
            for (int lane = 0; lane < 4; lane++)
                part[lane] += cells[(Py_ssize_t)from[at + lane] * BLOCK];
        to[row] = (part[0] + part[2]) + (part[1] + part[3]);
    }
}

/* ---- trees ---- */

/* One split further, in each of LANES ways at once: they wait for memory together. `cells` differ by lane for rows of a
 * block, and are the same for trees of a row. */
#define FURTHER(lane_cells)                                                                                            \
    for (int lane = 0; lane < LANES; lane++) {                                                                         \
        const Node *node = nodes + at[lane];                                                                           \
        next[lane] = node->child + !((lane_cells)[node->cell] <= node->limit);                                         \
    }

#define FURTHER_WITH_NULLS(lane_cells)                                                                                 \
    for (int lane = 0; lane < LANES; lane++) {                                                                         \
        const Node *node = nodes + at[lane];                                                                           \
        double x = (lane_cells)[node->cell];                                                                           \
        uint32_t left = (x <= node->limit) | ((x != x) & (node->child >> 31));                                         \
        next[lane] = (node->child & ~NULL_LEFT) + !left;                                                               \
    }

/* All lanes to their leaves: `shallow` splits are there on every way; after them until none moves. */
#define DOWN(step_further)                                                                                             \
    do {                                                                                                               \
        uint32_t next[LANES];                                                                                          \
        uint32_t done = 0;                                                                                             \
        for (; done < shallow; done++) {                                                                               \
            step_further;                                                                                              \
            memcpy(at, next, sizeof(next));                                                                            \
        }                                                                                                              \
        for (uint32_t moved = 1; done < deep && moved; done++) {                                                       \
            step_further;                                                                                              \
            moved = 0;                                                                                                 \
            for (int lane = 0; lane < LANES; lane++)                                                                   \
                moved |= at[lane] ^ next[lane];                                                                        \
            memcpy(at, next, sizeof(next));                                                                            \
        }                                                                                                              \
    } while (0)

/* One tree for LANES rows from `cells` on. */
static void down_rows(const Ensemble *trees, Py_ssize_t tree, const double *cells, uint32_t *at)
{
    const Node *nodes = trees->nodes;
    uint32_t shallow = trees->shallow[tree], deep = trees->deep[tree];
    for (int lane = 0; lane < LANES; lane++)
        at[lane] = trees->roots[tree];
    if (trees->nulls)
        DOWN(FURTHER_WITH_NULLS((cells + lane)));
    else
        DOWN(FURTHER((cells + lane)));
}

/* LANES trees from `tree` on for the row at `cells`; those beyond the last are the last. */
static void down_trees(const Ensemble *trees, Py_ssize_t tree, const double *cells, uint32_t *at)
{
    const Node *nodes = trees->nodes;
    uint32_t shallow = UINT32_MAX, deep = 0;
    for (int lane = 0; lane < LANES; lane++) {
        Py_ssize_t mine = tree + lane < trees->trees ? tree + lane : trees->trees - 1;
        at[lane] = trees->roots[mine];
        shallow = trees->shallow[mine] < shallow ? trees->shallow[mine] : shallow;
        deep = trees->deep[mine] > deep ? trees->deep[mine] : deep;
    }
    if (trees->nulls)
        DOWN(FURTHER_WITH_NULLS(cells));
    else
        DOWN(FURTHER(cells));
}

/* ---- trees with few leaves ----
 *
 * Each split strikes the leaves that a row cannot come to any more; the first that is left is the row's. That takes more
 * comparisons than a way down, but none waits for another, and vectors make eight at once.
 * Lucchese et al., QuickScorer: A Fast Algorithm to Rank Documents with Additive Ensembles of Regression Trees, SIGIR 2015.
 */

/* All marks up to `last`; who is not `stays` by the comparison leaves the leaves at the left. */
#define STRIKE(LANES_OF_ONE, last, stays)                                                                              \
    for (; mark < (last); mark++)                                                                                      \
        for (int part = 0; part < LANES / LANES_OF_ONE; part++) {                                                      \
            memcpy(&x, cells + mark->cell + part * LANES_OF_ONE, sizeof x);                                            \
            left[part] &= (stays) | (int64_t)mark->stay;                                                               \
        }

/* A way for processors whose vectors have so many lanes. */
#define STRIKING(name, attributes, LANES_OF_ONE)                                                                       \
    attributes static void name(const Ensemble *trees, const double *cells, double *total)                             \
    {                                                                                                                  \
        typedef double Reals __attribute__((vector_size(8 * LANES_OF_ONE)));                                           \
        typedef int64_t Leaves __attribute__((vector_size(8 * LANES_OF_ONE)));                                         \
        const Mark *mark = trees->marks;                                                                               \
        for (Py_ssize_t tree = 0; tree < trees->trees; tree++) {                                                       \
            Leaves left[LANES / LANES_OF_ONE];                                                                         \
            int64_t found[LANES];                                                                                      \
            Reals x;                                                                                                   \
            memset(left, 0xFF, sizeof left);                                                                           \
            STRIKE(LANES_OF_ONE, trees->marks + trees->plain[tree], x <= mark->limit)                                  \
            STRIKE(LANES_OF_ONE, trees->marks + trees->all[tree], ~(x > mark->limit))                                  \
            memcpy(found, left, sizeof found);                                                                         \
            const double *ranked = trees->ranked + tree * MOST_LEAVES;                                                 \
            for (int lane = 0; lane < LANES; lane++)                                                                   \
                total[lane] += ranked[__builtin_ctzll((uint64_t)found[lane] | 1ull << (MOST_LEAVES - 1))];             \
        }                                                                                                              \
    }

STRIKING(strike_plain, , 2)
#if defined(__x86_64__)
STRIKING(strike_avx2, __attribute__((target("avx2"))), 4)
STRIKING(strike_avx512, __attribute__((target("avx512f,avx512dq"))), 8)
#endif

/* The ways through trees, from the slowest to the fastest that the processor has. Cost: of LANES rows, about, in cycles;
 * going down costs that for each split on a way, striking for each split. */
static struct {
    const char *name;
    Striking *run; /* NULL: down */
    int cost;
    int there;
} WAYS[] = {
    {"down", NULL, 3 * LANES, 1},
    {"plain", strike_plain, 5, 1},
#if defined(__x86_64__)
    {"avx2", strike_avx2, 3, 0},
    {"avx512", strike_avx512, 2, 0},
#endif
};
enum { WAY_COUNT = sizeof WAYS / sizeof WAYS[0] };

static void find_ways(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    WAYS[2].there = __builtin_cpu_supports("avx2") != 0;
    WAYS[3].there = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
#endif
}

/* The splits of one tree as they are met from left to right. */
typedef struct {
    Mark marks[MOST_LEAVES];
    int nulls[MOST_LEAVES];
    int splits, leaves;
} Marked;

/* Note the splits under a node; the leaves under it, or 0 where these are too many. */
static uint64_t mark_node(const Ensemble *trees, uint32_t at, int above, double *ranked, Marked *made)
{
    const Node *node = trees->nodes + at;
    uint32_t child = node->child & ~NULL_LEFT;
    if (made->leaves == MOST_LEAVES || above == MOST_LEAVES)
        return 0;
    if (child == at) {
        ranked[made->leaves] = trees->leaves[at];
        return 1ull << made->leaves++;
    }
    uint64_t left = mark_node(trees, child, above + 1, ranked, made);
    uint64_t right = left ? mark_node(trees, child + 1, above + 1, ranked, made) : 0;
    if (!right)
        return 0;
    made->nulls[made->splits] = node->child != child;
    made->marks[made->splits++] = (Mark){node->limit, ~left, node->cell};
    return left | right;
}

static void forget_marks(Ensemble *trees)
{
    PyMem_Free(trees->marks);
    PyMem_Free(trees->plain);
    PyMem_Free(trees->all);
    PyMem_Free(trees->ranked);
    trees->marks = NULL;
    trees->plain = trees->all = NULL;
    trees->ranked = NULL;
}

/* How rows best come through the trees. */
static Striking *best_way(const Ensemble *trees, Py_ssize_t nodes)
{
    int64_t ways = 0;
    for (Py_ssize_t tree = 0; tree < trees->trees; tree++)
        ways += trees->deep[tree];
    int best = 0;
    for (int way = 1; way < WAY_COUNT; way++)
        if (WAYS[way].there)
            best = way;
    return (nodes / 2 + 4 * trees->trees) * WAYS[best].cost < ways * WAYS[0].cost ? WAYS[best].run : NULL;
}

/* Note all splits, where leaves are struck. 0 with an error set. */
static int mark_all(Ensemble *trees, Py_ssize_t nodes)
{
    uint32_t made = 0;
    if (trees->striking == NULL)
        return 1;
    trees->marks = PyMem_Calloc((size_t)nodes, sizeof(Mark));
    trees->plain = PyMem_Calloc((size_t)trees->trees, sizeof(uint32_t));
    trees->all = PyMem_Calloc((size_t)trees->trees, sizeof(uint32_t));
    trees->ranked = PyMem_Calloc((size_t)trees->trees * MOST_LEAVES, sizeof(double));
    if (trees->marks == NULL || trees->plain == NULL || trees->all == NULL || trees->ranked == NULL)
        return PyErr_NoMemory(), 0;
    for (Py_ssize_t tree = 0; tree < trees->trees; tree++) {
        Marked one = {.splits = 0};
        if (!mark_node(trees, trees->roots[tree], 0, trees->ranked + tree * MOST_LEAVES, &one) ||
            made + one.splits > (uint64_t)nodes) {
            forget_marks(trees);
            trees->striking = NULL;
            return 1;
        }
        for (int nulls = 0; nulls < 2; nulls++) {
            for (int at = 0; at < one.splits; at++)
                if (one.nulls[at] == nulls)
                    trees->marks[made++] = one.marks[at];
            (nulls ? trees->all : trees->plain)[tree] = made;
        }
    }
    return 1;
}

/* ---- a block ---- */

/* The sum over the trees of an ensemble. */
static void grow(const Ensemble *trees, double *to, const double *cells, Py_ssize_t rows)
{
    uint32_t at[LANES];
    for (Py_ssize_t row = 0; row < rows; row++)
        to[row] = 0.0;
    Py_ssize_t row = 0;
    for (; rows - row > 2; row += LANES) { /* the lanes beyond the last row go through what a block before left there */
        double total[LANES] = {0.0};
        if (trees->striking != NULL) {
            trees->striking(trees, cells + row, total);
            memcpy(to + row, total, sizeof(total));
            continue;
        }
        for (Py_ssize_t tree = 0; tree < trees->trees; tree++) {
            down_rows(trees, tree, cells + row, at);
            for (int lane = 0; lane < LANES; lane++)
                total[lane] += trees->leaves[at[lane]];
        }
        memcpy(to + row, total, sizeof(total));
    }
    for (; row < rows; row++)
        for (Py_ssize_t tree = 0; tree < trees->trees; tree += LANES) {
            down_trees(trees, tree, cells + row, at);
            for (int lane = 0; lane < LANES && tree + lane < trees->trees; lane++)
                to[row] += trees->leaves[at[lane]];
        }
}

static int look_up(PyObject *dictionary, PyObject *const *texts, Py_ssize_t stride, Py_ssize_t rows, double otherwise, double *to)
{
    for (Py_ssize_t row = 0; row < rows; row++) {
        PyObject *text = texts[row * stride];
        if (text == NULL || Py_TYPE(text) != &PyUnicode_Type) {
            PyErr_SetString(PyExc_TypeError, "a text is not a str");
            return 0;
        }
        PyObject *code = PyDict_GetItemWithError(dictionary, text);
        if (code == NULL && PyErr_Occurred())
            return 0;
        to[row] = code == NULL ? otherwise : PyFloat_AsDouble(code);
    }
    return 1;
}

/* All codes of the rows: [texts][rows]. */
static int look_all_up(const Program *self, PyObject *const *texts, Py_ssize_t rows, double *codes)
{
    for (Py_ssize_t at = 0; at < self->texts; at++) {
        const Step *step = self->step + at;
        PyObject *dictionary = PyTuple_GetItem(self->dictionaries, step->b);
        if (!look_up(dictionary, texts + step->a, self->depth, rows, step->value, codes + at * rows))
            return 0;
    }
    return 1;
}

static void run(const Program *self, const Work *work, const double *numbers, Py_ssize_t first, Py_ssize_t rows)
{
    double *cells = work->cells;
    for (Py_ssize_t at = 0; at < self->steps; at++) {
        const Step *step = self->step + at;
        double *to = cells + (Py_ssize_t)step->to * BLOCK;
        const double *a = cells + (Py_ssize_t)step->a * BLOCK, *b = cells + (Py_ssize_t)step->b * BLOCK;
        const double value = step->value;
        switch (step->kind) {
        case NUMBER: EACH(numbers[(first + row) * self->width + step->a]); break;
        case TEXT: memcpy(to, work->codes + at * work->rows + first, (size_t)rows * sizeof(double)); break;
        case CONSTANT: EACH(value); break;
        case ADD: EACH(a[row] + b[row]); break;
        case SUBTRACT: EACH(a[row] - b[row]); break;
        case MULTIPLY: EACH(a[row] * b[row]); break;
        case DIVIDE: EACH(a[row] / b[row]); break;
        case LEAST: EACH(b[row] < a[row] ? b[row] : a[row]); break;
        case MOST: EACH(a[row] < b[row] ? b[row] : a[row]); break;
        case SAME: EACH(a[row] == b[row]); break;
        case BOTH: EACH(a[row] * b[row]); break; /* of 0 and 1 */
        case EITHER: EACH(a[row] < b[row] ? b[row] : a[row]); break;
        case ADD_TO: EACH(a[row] + value); break;
        case SUBTRACT_FROM: EACH(a[row] - value); break;
        case MULTIPLY_BY: EACH(a[row] * value); break;
        case DIVIDE_BY: EACH(a[row] / value); break;
        case LEAST_OF: EACH(value < a[row] ? value : a[row]); break;
        case MOST_OF: EACH(a[row] < value ? value : a[row]); break;
        case SAME_AS: EACH(a[row] == value); break;
        case IS_NULL: EACH(a[row] != a[row]); break;
        case FILL: EACH(a[row] != a[row] ? value : a[row]); break;
        case CHOOSE: EACH(b[row] != 0.0 ? value : a[row]); break;
        case ROUND: EACH((double)(float)a[row]); break;
        case SIGMOID: EACH(sigmoid(a[row])); break;
        case EXPONENT: EACH(exponent(a[row])); break;
        case MEMBER: EACH(is_member(self->table + step->b, a[row])); break;
        case CODE: EACH(code_of(self->table + step->b, a[row], value)); break;
        case SUM: sum(self->list + step->a, step->b, to, cells, rows); break;
        default: grow(self->ensembles + step->a, to, cells, rows); break;
        }
    }
}

/* ---- a program ---- */

static int not_sense(const char *what)
{
    PyErr_Format(PyExc_ValueError, "the program makes no sense: %s", what);
    return 0;
}

/* A copy of bytes of whole items; how many in `count`. */
static void *items(PyObject *given, size_t size, Py_ssize_t *count)
{
    char *bytes;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(given, &bytes, &length) < 0)
        return NULL;
    if (length % (Py_ssize_t)size) {
        not_sense("its parts are not whole");
        return NULL;
    }
    void *copy = PyMem_Malloc(length ? (size_t)length : 1);
    if (copy == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    memcpy(copy, bytes, (size_t)length);
    *count = length / (Py_ssize_t)size;
    return copy;
}

static int good_ensemble(const Program *self, Ensemble *trees, Py_ssize_t nodes)
{
    for (Py_ssize_t at = 0; at < nodes; at++) {
        Node *node = trees->nodes + at;
        uint32_t child = node->child & ~NULL_LEFT;
        if (child == (uint32_t)at)
            *node = (Node){.limit = 0.0, .cell = (uint32_t)(self->columns * BLOCK), .child = child};
        else if (node->cell < (uint64_t)self->columns && child > (uint32_t)at && (uint64_t)child + 1 < (uint64_t)nodes)
            node->cell *= BLOCK;
        else
            return 0;
        trees->nulls |= node->child != child;
    }
    for (Py_ssize_t tree = 0; tree < trees->trees; tree++)
        if (trees->roots[tree] >= (uint64_t)nodes || trees->shallow[tree] > trees->deep[tree])
            return 0;
    return 1;
}

static int take_ensemble(const Program *self, PyObject *given, int way, Ensemble *trees)
{
    PyObject *nodes, *leaves, *roots, *shallow, *deep;
    Py_ssize_t node_count, leaf_count, shallow_count, deep_count;
    if (!PyTuple_Check(given) || !PyArg_ParseTuple(given, "SSSSS", &nodes, &leaves, &roots, &shallow, &deep))
        return PyErr_Occurred() ? 0 : not_sense("an ensemble is not a tuple");
    if ((trees->nodes = items(nodes, sizeof(Node), &node_count)) == NULL ||
        (trees->leaves = items(leaves, sizeof(double), &leaf_count)) == NULL ||
        (trees->roots = items(roots, sizeof(uint32_t), &trees->trees)) == NULL ||
        (trees->shallow = items(shallow, sizeof(uint32_t), &shallow_count)) == NULL ||
        (trees->deep = items(deep, sizeof(uint32_t), &deep_count)) == NULL)
        return 0;
    if (node_count != leaf_count || trees->trees != shallow_count || trees->trees != deep_count || trees->trees == 0 ||
        !good_ensemble(self, trees, node_count))
        return not_sense("its trees");
    trees->striking = way < 0 ? best_way(trees, node_count) : WAYS[way].run;
    return mark_all(trees, node_count);
}

static int in_table(const Program *self, Py_ssize_t numbers, const Step *step)
{
    if (step->b < 0 || step->b >= numbers)
        return 0;
    double count = self->table[step->b];
    Py_ssize_t wide = step->kind == CODE ? 2 : 1;
    return count >= 0.0 && count <= (double)(numbers - step->b - 1) && (Py_ssize_t)count * wide <= numbers - step->b - 1;
}

static int good_step(const Program *self, const Step *step, Py_ssize_t listed, Py_ssize_t numbers)
{
    int32_t most = (int32_t)self->columns;
    if (step->kind < 0 || step->kind >= STEPS || step->to < 0 || step->to >= most)
        return 0;
    int a = step->a >= 0 && step->a < most, b = step->b >= 0 && step->b < most;
    switch (step->kind) {
    case NUMBER: return step->a >= 0 && step->a < self->width;
    case TEXT: return step->a >= 0 && step->a < self->depth && step->b >= 0 && step->b < PyTuple_Size(self->dictionaries);
    case CONSTANT: return 1;
    case ADD: case SUBTRACT: case MULTIPLY: case DIVIDE: case LEAST: case MOST: case SAME: case BOTH: case EITHER: case CHOOSE:
        return a && b;
    case MEMBER: case CODE: return a && in_table(self, numbers, step);
    case SUM: return step->a >= 0 && step->b >= 4 && step->b % 4 == 0 && step->a <= listed - step->b;
    case TREES: return step->a >= 0 && step->a < self->count;
    default: return a;
    }
}

static int all_columns(const Program *self, const int32_t *list, Py_ssize_t count)
{
    for (Py_ssize_t at = 0; at < count; at++)
        if (list[at] < 0 || list[at] >= self->columns)
            return 0;
    return 1;
}

/* Doubles for the cells of a block and the codes of so many rows, and some, so that cells can begin where vectors do. */
static size_t room(const Program *self, Py_ssize_t rows)
{
    return ((size_t)self->columns + 1) * BLOCK + (size_t)self->texts * (size_t)rows + LANES;
}

static double *aligned(double *room)
{
    uintptr_t vector = LANES * sizeof(double);
    return room + (vector - (uintptr_t)(void *)room % vector) % vector / sizeof(double);
}

static int take_program(Program *self, PyObject *answers, PyObject *steps, PyObject *list, PyObject *table,
                        PyObject *ensembles, int way)
{
    Py_ssize_t listed, numbers;
    if ((self->answer = items(answers, sizeof(int32_t), &self->answers)) == NULL ||
        (self->step = items(steps, sizeof(Step), &self->steps)) == NULL ||
        (self->list = items(list, sizeof(int32_t), &listed)) == NULL ||
        (self->table = items(table, sizeof(double), &numbers)) == NULL)
        return 0;
    if (self->width < 0 || self->depth < 0 || self->width + self->depth == 0 || self->columns <= 0 ||
        self->columns >= INT32_MAX / BLOCK || self->answers == 0)
        return not_sense("its columns");
    for (Py_ssize_t at = 0; at < PyTuple_Size(self->dictionaries); at++) {
        PyObject *dictionary = PyTuple_GetItem(self->dictionaries, at), *key, *code;
        Py_ssize_t place = 0;
        if (!PyDict_Check(dictionary))
            return not_sense("a dictionary is none");
        while (PyDict_Next(dictionary, &place, &key, &code))
            if (!PyUnicode_Check(key) || !PyFloat_Check(code))
                return not_sense("a dictionary is not of texts and numbers");
    }
    self->ensembles = PyMem_Calloc((size_t)PyTuple_Size(ensembles) + 1, sizeof(Ensemble));
    if (self->ensembles == NULL)
        return PyErr_NoMemory(), 0;
    self->count = PyTuple_Size(ensembles);
    for (Py_ssize_t at = 0; at < self->count; at++)
        if (!take_ensemble(self, PyTuple_GetItem(ensembles, at), way, self->ensembles + at))
            return 0;
    while (self->texts < self->steps && self->step[self->texts].kind == TEXT)
        self->texts++;
    for (Py_ssize_t at = self->texts; at < self->steps; at++)
        if (self->step[at].kind == TEXT)
            return not_sense("it looks a text up after other steps");
    for (Py_ssize_t at = 0; at < self->steps; at++)
        if (!good_step(self, self->step + at, listed, numbers))
            return not_sense("a step");
    if (!all_columns(self, self->list, listed) || !all_columns(self, self->answer, self->answers))
        return not_sense("a list of columns");
    self->effort = self->steps;
    for (Py_ssize_t at = 0; at < self->count; at++)
        for (Py_ssize_t tree = 0; tree < self->ensembles[at].trees; tree++)
            self->effort += self->ensembles[at].deep[tree];
    self->room = PyMem_Calloc(room(self, BLOCK), sizeof(double));
    return self->room != NULL || (PyErr_NoMemory(), 0);
}

static int program_init(Program *self, PyObject *arguments, PyObject *named)
{
    static char *names[] = {"width", "depth", "columns", "answers", "steps", "list", "table", "dictionaries", "ensembles", "way", NULL};
    PyObject *answers, *steps, *list, *table, *dictionaries, *ensembles;
    const char *named_way = NULL;
    int way = -1;
    if (self->dictionaries != NULL) {
        PyErr_SetString(PyExc_TypeError, "it is made already");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(arguments, named, "nnnSSSSO!O!|z", names, &self->width, &self->depth, &self->columns,
                                     &answers, &steps, &list, &table, &PyTuple_Type, &dictionaries, &PyTuple_Type,
                                     &ensembles, &named_way))
        return -1;
    for (int at = 0; at < WAY_COUNT; at++)
        if (named_way != NULL && WAYS[at].there && strcmp(named_way, WAYS[at].name) == 0)
            way = at;
    if (named_way != NULL && way < 0) {
        PyErr_SetString(PyExc_ValueError, "this processor has no such way through trees");
        return -1;
    }
    self->dictionaries = Py_NewRef(dictionaries);
    return take_program(self, answers, steps, list, table, ensembles, way) ? 0 : -1;
}

static void program_dealloc(Program *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    for (Py_ssize_t at = 0; self->ensembles != NULL && at < self->count; at++) {
        Ensemble *trees = self->ensembles + at;
        forget_marks(trees);
        PyMem_Free(trees->nodes);
        PyMem_Free(trees->leaves);
        PyMem_Free(trees->roots);
        PyMem_Free(trees->shallow);
        PyMem_Free(trees->deep);
    }
    PyMem_Free(self->ensembles);
    PyMem_Free(self->step);
    PyMem_Free(self->list);
    PyMem_Free(self->answer);
    PyMem_Free(self->table);
    PyMem_Free(self->room);
    Py_XDECREF(self->dictionaries);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

/* ---- rows ---- */

/* Whether the buffer holds rows x wide items, one after the other. */
static int holds(const Py_buffer *held, Py_ssize_t rows, Py_ssize_t wide, const char *format, const char *what)
{
    if (held->itemsize == 8 && held->format != NULL && strcmp(held->format, format) == 0 && held->len == rows * wide * 8)
        return 1;
    PyErr_Format(PyExc_ValueError, "the %s are not [rows, columns] as the program has them", what);
    return 0;
}

static int score_all(const Program *self, const double *numbers, PyObject *const *texts, Py_ssize_t rows, double *scores)
{
    int is_long = rows > LONG / self->effort, apart = is_long || rows > BLOCK;
    double *own = apart ? PyMem_Calloc(room(self, rows), sizeof(double)) : self->room;
    if (own == NULL)
        return PyErr_NoMemory(), 0;
    double *cells = aligned(own), *codes = cells + (self->columns + 1) * BLOCK;
    const Work work = {cells, codes, rows};
    int good = look_all_up(self, texts, rows, codes);
    PyThreadState *others = good && is_long ? PyEval_SaveThread() : NULL;
    for (Py_ssize_t row = 0; good && row < rows; row += BLOCK) {
        Py_ssize_t some = rows - row < BLOCK ? rows - row : BLOCK;
        run(self, &work, numbers, row, some);
        for (Py_ssize_t at = 0; at < self->answers; at++)
            for (Py_ssize_t one = 0; one < some; one++)
                scores[(row + one) * self->answers + at] = cells[(Py_ssize_t)self->answer[at] * BLOCK + one];
    }
    if (others != NULL)
        PyEval_RestoreThread(others);
    if (apart)
        PyMem_Free(own);
    return good;
}

static PyObject *program_score(Program *self, PyObject *arguments)
{
    PyObject *numbers, *texts, *scores, *result = NULL;
    Py_buffer number = {0}, text = {0}, score = {0};
    if (!PyArg_ParseTuple(arguments, "OOO", &numbers, &texts, &scores))
        return NULL;
    if (self->room == NULL) {
        PyErr_SetString(PyExc_TypeError, "it is not made yet");
        return NULL;
    }
    if (PyObject_GetBuffer(scores, &score, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE | PyBUF_FORMAT) < 0 ||
        PyObject_GetBuffer(numbers, &number, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0 ||
        PyObject_GetBuffer(texts, &text, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0)
        goto done;
    Py_ssize_t rows = score.len / 8 / self->answers;
    if (!holds(&score, rows, self->answers, "d", "scores") || !holds(&number, rows, self->width, "d", "numbers") ||
        !holds(&text, rows, self->depth, "O", "texts"))
        goto done;
    if (score_all(self, number.buf, text.buf, rows, score.buf))
        result = Py_NewRef(Py_None);
done:
    if (score.obj != NULL)
        PyBuffer_Release(&score);
    if (number.obj != NULL)
        PyBuffer_Release(&number);
    if (text.obj != NULL)
        PyBuffer_Release(&text);
    return result;
}

static PyMethodDef METHODS[] = {
    {"score", (PyCFunction)program_score, METH_VARARGS, "Put the scores of rows, given as numbers and texts, into an array."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot SLOTS[] = {
    {Py_tp_doc, "A model's graph as one program over columns."},
    {Py_tp_init, program_init},
    {Py_tp_dealloc, program_dealloc},
    {Py_tp_methods, METHODS},
    {0, NULL},
};

static PyType_Spec PROGRAM = {
    .name = "podium.bundle.engines.onnx._fused.Program",
    .basicsize = sizeof(Program),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = SLOTS,
};

static int start(PyObject *module)
{
    find_ways();
    PyObject *type = PyType_FromSpec(&PROGRAM);
    int failed = type == NULL || PyModule_AddObjectRef(module, "Program", type) < 0;
    Py_XDECREF(type);
    return failed ? -1 : 0;
}

static PyModuleDef_Slot PARTS[] = {{Py_mod_exec, start}, {0, NULL}};

static PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "podium.bundle.engines.onnx._fused",
    .m_doc = "Runs a model's graph as one program over columns of rows.",
    .m_slots = PARTS,
};

PyMODINIT_FUNC PyInit__fused(void)
{
    return PyModuleDef_Init(&MODULE);
}
