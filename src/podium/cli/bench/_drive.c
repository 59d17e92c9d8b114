/* The client's loop: takes answers and sends the next requests, for as long as each answer comes whole and is as it must
 * be. See load.py, which does all else: whatever is not plain is given back to it.
 *
 * In Python a request costs the client as much as a fast server, and the server waits for the client.
 */

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#include <Python.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum { EVENTS = 256, ROOM = 256 * 1024 };

/* What each connection is at; load.py has the same. */
typedef struct {
    int32_t socket;
    int32_t at;     /* which request is under way */
    int64_t sent;   /* when, in nanoseconds */
    int64_t apart;  /* whether load.py holds a part of its answer */
} Connection;

typedef struct {
    Connection *connections;
    Py_ssize_t count, many;         /* connections, requests */
    PyObject *requests, *needles;   /* lists of bytes */
    const int64_t *lengths;         /* of each request's answer; 0: not known yet */
    int64_t *took;                  /* how long answers took */
    Py_ssize_t taken, room;
} Drive;

static char BUFFER[ROOM];

static int64_t clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static Connection *connection_of(const Drive *drive, int socket)
{
    for (Py_ssize_t at = 0; at < drive->count; at++)
        if (drive->connections[at].socket == socket)
            return drive->connections + at;
    return NULL;
}

/* Whether the buffer holds the whole right answer, and nothing else. */
static int is_right(const Drive *drive, const Connection *one, ssize_t size)
{
    PyObject *needle = PyList_GetItem(drive->needles, one->at);
    Py_ssize_t wanted = PyBytes_Size(needle);
    return size > 12 && size == drive->lengths[one->at] && memcmp(BUFFER, "HTTP/1.1 200", 12) == 0 &&
           memmem(BUFFER, (size_t)size, PyBytes_AsString(needle), (size_t)wanted) != NULL;
}

/* Receive, check, send the next. None: all went well; else what load.py has to see to: (socket, bytes received, bytes sent;
 * -1: nothing was sent). NULL with an error set. */
static PyObject *turn(Drive *drive, Connection *one, int waits)
{
    PyThreadState *others = waits ? PyEval_SaveThread() : NULL;
    ssize_t size = recv(one->socket, BUFFER, ROOM, 0);
    if (others != NULL)
        PyEval_RestoreThread(others);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return Py_BuildValue("(iOn)", (int)one->socket, Py_None, (Py_ssize_t)-1);
    int64_t now = clock_now();
    if (size <= 0 || one->apart || drive->taken == drive->room || !is_right(drive, one, size))
        return Py_BuildValue("(iy#n)", (int)one->socket, BUFFER, (Py_ssize_t)(size < 0 ? 0 : size), (Py_ssize_t)-1);
    drive->took[drive->taken++] = now - one->sent;
    one->at = one->at + 1 < drive->many ? one->at + 1 : 0;
    one->sent = now;
    PyObject *request = PyList_GetItem(drive->requests, one->at);
    Py_ssize_t whole = PyBytes_Size(request);
    ssize_t gone = send(one->socket, PyBytes_AsString(request), (size_t)whole, MSG_NOSIGNAL);
    if (gone == whole)
        return Py_NewRef(Py_None);
    int is_full = gone < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    return Py_BuildValue("(iy#n)", (int)one->socket, BUFFER, (Py_ssize_t)0, (Py_ssize_t)(gone >= 0 ? gone : is_full ? 0 : whole));
}

static PyObject *drive_many(Drive *drive, int poll, int64_t end)
{
    struct epoll_event events[EVENTS];
    for (int64_t now = clock_now(); now < end; now = clock_now()) {
        PyThreadState *others = PyEval_SaveThread();
        int count = epoll_wait(poll, events, EVENTS, (int)((end - now) / 1000000 < 1000 ? (end - now) / 1000000 + 1 : 1000));
        PyEval_RestoreThread(others);
        if (count == 0 || (count < 0 && errno == EINTR))
            Py_RETURN_NONE;
        if (count < 0)
            return PyErr_SetFromErrno(PyExc_OSError);
        for (int at = 0; at < count; at++) {
            Connection *one = connection_of(drive, events[at].data.fd);
            if (one == NULL)
                continue;
            PyObject *left = turn(drive, one, 0);
            if (left != Py_None)
                return left;
            Py_DECREF(left);
        }
    }
    Py_RETURN_NONE;
}

static PyObject *drive_one(Drive *drive, int64_t end)
{
    do {
        PyObject *left = turn(drive, drive->connections, 1);
        if (left != Py_None)
            return left;
        Py_DECREF(left);
    } while (drive->connections->sent < end);
    Py_RETURN_NONE;
}

static int is_good(const Drive *drive, Py_ssize_t lengths)
{
    if (drive->count == 0 || drive->many == 0 || lengths != drive->many || PyList_Size(drive->needles) != drive->many)
        return 0;
    for (Py_ssize_t at = 0; at < drive->many; at++)
        if (!PyBytes_Check(PyList_GetItem(drive->requests, at)) || !PyBytes_Check(PyList_GetItem(drive->needles, at)))
            return 0;
    for (Py_ssize_t at = 0; at < drive->count; at++)
        if (drive->connections[at].at < 0 || drive->connections[at].at >= drive->many)
            return 0;
    return 1;
}

static PyObject *drive(PyObject *module, PyObject *arguments)
{
    (void)module;
    Drive made = {0};
    Py_buffer connections, lengths, took;
    int poll;
    long long end;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(arguments, "iw*O!O!y*w*nL", &poll, &connections, &PyList_Type, &made.requests, &PyList_Type,
                          &made.needles, &lengths, &took, &made.taken, &end))
        return NULL;
    made.connections = connections.buf;
    made.count = connections.len / (Py_ssize_t)sizeof(Connection);
    made.many = PyList_Size(made.requests);
    made.lengths = lengths.buf;
    made.took = took.buf;
    made.room = took.len / (Py_ssize_t)sizeof(int64_t);
    if (made.taken < 0 || made.taken > made.room || !is_good(&made, lengths.len / (Py_ssize_t)sizeof(int64_t)))
        PyErr_SetString(PyExc_ValueError, "connections, requests, needles and lengths do not go together");
    else {
        PyObject *left = poll >= 0 ? drive_many(&made, poll, end) : drive_one(&made, end);
        if (left != NULL)
            result = Py_BuildValue("(nN)", made.taken, left);
    }
    PyBuffer_Release(&connections);
    PyBuffer_Release(&lengths);
    PyBuffer_Release(&took);
    return result;
}

static PyMethodDef METHODS[] = {
    {"drive", drive, METH_VARARGS, "How many answers were taken, and what must be seen to before going on."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT,
    .m_name = "podium.cli.bench._drive",
    .m_doc = "The loop of a client that asks as fast as it is answered.",
    .m_methods = METHODS,
};

PyMODINIT_FUNC PyInit__drive(void)
{
    return PyModuleDef_Init(&MODULE);
}
