"""See import.sh."""

import os
import secrets
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

WORK = Path(sys.argv[1])
BIN, ROWS = os.environ["JARSHY_BIN"], int(os.environ["ROWS"])
TABLES = ["subscriber", "subscription", "consent"]
# People in a transaction, and rows in a statement.
PEOPLE, ROWS_A_STATEMENT = 2000, 1000

SETTINGS = """
[server]
public_url = "https://news.example.kz"
[database]
url = "{database}"
[secrets]
hash_key = "{hash_key}"
link_keys = {{ 1 = "{link_key}" }}
[newsroom]
names = {{ kk = "Тау жаршысы", ru = "Тау жаршысы", en = "Tau Herald" }}
languages = ["kk", "ru", "en"]
time_zone = "Asia/Almaty"
[[newsletter]]
slug = "daily"
names = {{ kk = "Күн жаңалықтары", ru = "Новости дня", en = "News of the day" }}
sender = "digest@news.example.kz"
"""


def figure(name, value):
    print(f"figure {name} {value}", flush=True)


def write_list(path, rows):
    """A list as Excel writes it here: KZ-1048, semicolons, names in Kazakh, two languages, three zones."""
    names = ["Айгерім", "Қайрат", "Әсем", "Ғалымжан", "Өмірхан", "Ұлан", "Үміт", "Нұрлан"]
    tongues, zones = ["қазақша", "орысша", "қазақша, орысша", ""], ["Asia/Almaty", "Asia/Almaty", "Europe/Berlin", ""]
    with open(path, "w", encoding="kz1048", newline="") as out:
        out.write("Аты-жөні;Электрондық пошта;Тілі;timezone;optin_time\r\n")
        for n in range(rows):
            out.write(f"{names[n % 8]};reader{n}@example{n % 97}.kz;{tongues[n % 4]};{zones[n // 4 % 4]};2024-05-{n % 28 + 1:02d} 10:11:12\r\n")


class Newsroom:
    def __init__(self, name, database):
        self.folder = WORK / name
        self.folder.mkdir()
        self.database = database or f"sqlite:{self.folder}/jarshy.db"
        (self.folder / "jarshy.toml").write_text(SETTINGS.format(
            database=self.database, hash_key=secrets.token_hex(32), link_key=secrets.token_hex(32)))
        self.run("migrate")

    def run(self, *args):
        """Output, seconds, and the most memory it ever had, in MB."""
        started = time.monotonic()
        with open(self.folder / "out", "wb") as out:
            child = subprocess.Popen([BIN, *args], cwd=self.folder, stdout=out, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(child.pid, 0)
        said = (self.folder / "out").read_text()
        if status != 0:
            sys.exit(f"jarshy {' '.join(args)} failed: {said}")
        return said, time.monotonic() - started, usage.ru_maxrss / 1024

    def take(self, path, *more):
        return self.run("subscriber", "import", str(path), "--consent", "signed list of 12 May", *more)


def postgres(name):
    subprocess.run(["psql", "-q", os.environ["POSTGRES"], "-c", f"CREATE DATABASE {name}"], check=True)
    return f"{os.environ['POSTGRES'].rsplit('/', 1)[0]}/{name}"


def psql(url, *args):
    return subprocess.run(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", url, *args], check=True, capture_output=True, text=True).stdout


def chunks(rows, size):
    return [rows[at:at + size] for at in range(0, len(rows), size)]


def bare_sqlite(full, empty):
    """Seconds for the rows of one database put into another by statements of many rows."""
    source = sqlite3.connect(f"{full.folder}/jarshy.db")
    target = sqlite3.connect(f"{empty.folder}/jarshy.db", isolation_level=None)
    for pragma in ["journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536", "temp_store=memory", "secure_delete=ON"]:
        target.execute(f"PRAGMA {pragma}")
    for table in ["selection", "slot"]:
        for row in source.execute(f"SELECT * FROM {table}"):
            target.execute(f"INSERT INTO {table} VALUES ({','.join('?' * len(row))})", row)
    spent, first = 0.0, 0
    while True:
        piece = {}
        for table, key in zip(TABLES, ["id", "subscriber_id", "subscriber_id"]):
            rows = source.execute(f"SELECT * FROM {table} WHERE {key} > ? AND {key} <= ?", (first, first + PEOPLE)).fetchall()
            width = len(rows[0]) if rows else 0
            one = f"({','.join('?' * width)})"
            piece[table] = [(f"INSERT INTO {table} VALUES {','.join([one] * len(some))}", [cell for row in some for cell in row])
                            for some in chunks(rows, ROWS_A_STATEMENT)]
        if not piece["subscriber"]:
            return spent
        first += PEOPLE
        started = time.monotonic()
        target.execute("BEGIN IMMEDIATE")
        for statements in piece.values():
            for statement, cells in statements:
                target.execute(statement, cells)
        target.execute("COMMIT")
        spent += time.monotonic() - started


def quoted(cell):
    return "NULL" if cell == "\\N" else "'" + cell.replace("'", "''") + "'"


def bare_postgres(full, empty):
    """The same by psql, from a file of statements."""
    for table in ["selection", "slot"]:
        data = psql(full.database, "-c", f"COPY {table} TO STDOUT")
        subprocess.run(["psql", "-qX", empty.database, "-c", f"COPY {table} FROM STDIN"], input=data, text=True, check=True)
    script = WORK / "bare.sql"
    rows = {}
    for table, key in zip(TABLES, ["id", "subscriber_id", "subscriber_id"]):
        # No cell of these lists holds a tab, a backslash or a line end, so COPY's text needs no reading.
        rows[table] = subprocess.Popen(["psql", "-qX", full.database, "-c", f"COPY (SELECT * FROM {table} ORDER BY {key}) TO STDOUT"],
                                       stdout=subprocess.PIPE, text=True)
    spent, is_over = 0.0, False
    while not is_over:
        # A file for some transactions at a time: all of them would be larger than the database.
        with open(script, "w") as out:
            for _ in range(50):
                out.write("BEGIN;\n")
                for table in TABLES:
                    some = []
                    for _ in range(PEOPLE):
                        line = rows[table].stdout.readline()
                        if not line:
                            is_over = True
                            break
                        some.append("(" + ",".join(quoted(cell) for cell in line.rstrip("\n").split("\t")) + ")")
                    for piece in chunks(some, ROWS_A_STATEMENT):
                        out.write(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE VALUES {','.join(piece)};\n")
                out.write("COMMIT;\n")
        started = time.monotonic()
        psql(empty.database, "-f", str(script))
        spent += time.monotonic() - started
    script.unlink()
    return spent


def count(newsroom):
    statement = "SELECT " + ", ".join(f"(SELECT COUNT(*) FROM {table})" for table in TABLES)
    if newsroom.database.startswith("sqlite:"):
        return list(sqlite3.connect(f"{newsroom.folder}/jarshy.db").execute(statement).fetchone())
    return [int(cell) for cell in psql(newsroom.database, "-c", statement).strip().split("|")]


def measure(engine):
    def newsroom(name):
        return Newsroom(f"{engine}_{name}", postgres(f"load_{name}") if engine == "postgres" else None)

    few = WORK / "few.csv"
    write_list(few, ROWS // 10)
    _, _, memory_of_few = newsroom("few").take(few)
    full, empty = newsroom("full"), newsroom("bare")
    _, _, memory_of_dry = full.take(WORK / "list.csv", "--dry-run")
    if count(full) != [0, 0, 0]:
        sys.exit(f"the dry run wrote: {count(full)}")
    _, seconds, memory = full.take(WORK / "list.csv")
    if count(full) != [ROWS, ROWS, ROWS]:
        sys.exit(f"{ROWS} people make {count(full)} rows")
    _, again, _ = full.take(WORK / "list.csv")
    _, out, memory_of_export = full.run("subscriber", "export", "--show-addresses", "--out", "people.csv")
    if count(full) != [ROWS, ROWS, ROWS]:
        sys.exit(f"the same list once more made {count(full)} rows")
    bare = (bare_postgres if engine == "postgres" else bare_sqlite)(full, empty)
    if count(empty) != count(full):
        sys.exit(f"the bare rows are {count(empty)}")
    figure(f"{engine}_import_rows_per_second", round(ROWS / seconds))
    figure(f"{engine}_bare_rows_per_second", round(ROWS / bare))
    figure(f"{engine}_import_ratio", f"{bare / seconds:.3f}")
    figure(f"{engine}_import_again_rows_per_second", round(ROWS / again))
    figure(f"{engine}_export_rows_per_second", round(ROWS / out))
    figure(f"{engine}_import_peak_mb", round(memory))
    figure(f"{engine}_import_peak_mb_of_a_tenth", round(memory_of_few))
    figure(f"{engine}_dry_run_peak_mb", round(memory_of_dry))
    figure(f"{engine}_export_peak_mb", round(memory_of_export))


write_list(WORK / "list.csv", ROWS)
for engine in os.environ["ENGINES"].split():
    measure(engine)
