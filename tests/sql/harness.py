"""A PostgreSQL of our own, a view's statements by print_view.c, and how the sink would send them."""
import glob, io, json, os, pwd, re, shutil, socket, subprocess, sys, tempfile
import psycopg2

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
failures = 0
db = folder = print_view = postgres = None  # since begin()


def check(name, ok, detail=''):
    global failures
    failures += not ok
    print(('PASS ' if ok else 'FAIL ') + name + ('' if ok else ': ' + str(detail)), flush=True)


# ---- a PostgreSQL of our own ----

class Postgres:
    def __init__(self, folder):
        found = sorted(glob.glob('/usr/lib/postgresql/*/bin/initdb'), key=lambda p: int(p.split('/')[4]))
        initdb = found[-1] if found else shutil.which('initdb')
        if not initdb:
            sys.exit('initdb is not installed (Debian: postgresql)')
        self.bin, self.data = os.path.dirname(initdb), os.path.join(folder, 'data')
        self.as_user = []
        if os.getuid() == 0:
            self.as_user = ['runuser', '-u', 'postgres', '--']
            os.chmod(folder, 0o755)
            os.mkdir(self.data)
            os.chown(self.data, pwd.getpwnam('postgres').pw_uid, -1)
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            self.port = s.getsockname()[1]
        self.run('initdb', '-D', self.data, '-U', 'pg', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync')
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self.run('pg_ctl', '-D', self.data, '-o', options, '-l', os.path.join(self.data, 'log'), '-w', 'start')

    def run(self, program, *args):
        done = subprocess.run([*self.as_user, os.path.join(self.bin, program), *args], cwd='/', text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            sys.exit(f'{program}: {done.stdout}')

    def stop(self):
        self.run('pg_ctl', '-D', self.data, '-m', 'immediate', 'stop')

    def connect(self):
        c = psycopg2.connect(host='127.0.0.1', port=self.port, user='pg', dbname='postgres')
        c.autocommit = True
        return c


def begin(build):
    """Builds print_view of a build folder's libraries, and starts the server: end() ends it."""
    global db, folder, print_view, postgres
    folder = tempfile.mkdtemp(prefix='sql-test-')
    print_view = os.path.join(folder, 'print_view')
    sanitize = subprocess.run(['grep', '-q', '^SANITIZE:BOOL=ON', build + '/CMakeCache.txt']).returncode == 0
    subprocess.run(['cc', '-std=gnu17', '-I' + ROOT + '/consumer', HERE + '/print_view.c', '-o', print_view,
                    *(['-fsanitize=address,undefined'] if sanitize else []), build + '/consumer/libview.a',
                    build + '/consumer/libplan.a', build + '/consumer/libbase.a', '-ljansson', '-lpg_query'], check=True)
    postgres = Postgres(folder)
    db = postgres.connect()
    run("SET TimeZone = 'UTC'")


def end():
    postgres.stop()
    shutil.rmtree(folder, ignore_errors=True)


# ---- a view, its statements, and how the sink would send them ----

class View:
    def __init__(self, oltp, view):
        paths = []
        for name, text in (('oltp.sql', oltp), ('view.sql', view)):
            paths.append(os.path.join(folder, name))
            with open(paths[-1], 'w') as f:
                f.write(text)
        done = subprocess.run([print_view, *paths], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        self.__dict__.update(json.loads(done.stdout))
        self.serial = 0

    def create(self):
        run(f'DROP TABLE IF EXISTS {quoted(self.name)}')
        run(self.ddl)


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def run(sql, args=None):
    with db.cursor() as c:
        c.execute(sql, args)
        return c.fetchall() if c.description else c.rowcount


def fetch_one(sql, args=None):
    return run(sql, args)[0][0]


def send(sql, columns):
    """$1.. as text[] parameters of a prepared statement; returns rows or the number of rows touched."""
    run('DEALLOCATE ALL')
    types = ', '.join(['text[]'] * len(columns))
    run(f'PREPARE s({types}) AS {sql}')
    return run('EXECUTE s(' + ', '.join(['%s::text[]'] * len(columns)) + ')', [list(c) for c in columns])


def refused(sql, columns):
    """The SQLSTATE of a refusal, None where there was none."""
    try:
        send(sql, columns)
    except psycopg2.Error as e:
        return e.pgcode
    return None


def copy_in(view, rows):
    escape = lambda v: '\\N' if v is None else (v.replace('\\', '\\\\').replace('\t', '\\t')
                                                .replace('\n', '\\n').replace('\r', '\\r'))
    data = ''.join('\t'.join(escape(v) for v in row) + '\n' for row in rows)
    with db.cursor() as c:
        c.copy_expert(view.copy, io.StringIO(data))


# ---- how they are planned ----

def plan_of(sql, columns, generic):
    run('DEALLOCATE ALL')
    run(f"SET plan_cache_mode = force_{'generic' if generic else 'custom'}_plan")
    run(f"PREPARE s({', '.join(['text[]'] * len(columns))}) AS {sql}")
    rows = run('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) EXECUTE s(' + ', '.join(['%s::text[]'] * len(columns)) + ')',
               [list(c) for c in columns])
    run('RESET plan_cache_mode')
    return '\n'.join(r[0] for r in rows)


def planned_by(name, sql, columns, index, table):
    """Whatever the planner knows, every part of the statement that touches the table goes by the index."""
    for generic in (False, True):
        run('BEGIN')
        plan = plan_of(sql, columns, generic)
        run('ROLLBACK')
        # A filter behind an index scan would read all rows of a key to find one; of s it is harmless.
        filters = [l for l in plan.split('\n') if 'Filter: ' in l and re.search(r'\bt\.|\((line_no|id) IS', l)]
        check(f"{name}, {'generic' if generic else 'custom'} plan: by the index",
              index in plan and f'Seq Scan on {table}' not in plan and not filters, '\n' + plan)
