"""What cbr_convert costs beside the other ways to value amounts, on one core. Run by bench/convert.

Two shapes of a million rows: 40 currencies over 25 years, and 5 over 3 years, days at random, weekends included. Each
contender computes the same sum, which is checked; the slow ones do so over the first 100,000 rows. Medians of five. Joins cast the
day to t_currency's timestamp: PostgreSQL cannot hash a date against a timestamp. The PL/pgSQL function keeps
cbr_convert's contract: any two currencies, RUB among them, and an error for what is not loaded. The last line is what
the same arithmetic costs with constants in place of rates: nothing that looks rates up can be faster.
"""
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "test" / "e2e"), str(ROOT / "test" / "bank")]

from cluster import Cluster  # noqa: E402

ROWS, FEW, REPEATS, CALLS = 1_000_000, 100_000, 5, 2_000
SHAPES = {"40 currencies, 25 years": (40, 9131), "5 currencies, 3 years": (5, 1096)}
CODE = "chr(65 + (n / 26)::int % 26) || chr(65 + n::int % 26) || 'X'"

RATES = f"""
    INSERT INTO t_currency (char_code, cbr_id, value, nominal, date, effective_date)
    SELECT {CODE}, 'R' || 10000 + n, round((20 + n + 5 * sin(d / 50.0 + n))::numeric, 4), (ARRAY[1, 1, 10, 100])[1 + n % 4],
           timestamp '2000-01-01' + d * interval '1 day', date '2000-01-01' + d
      FROM generate_series(0, 39) n, generate_series(0, 9130) d"""
SALES = """
    CREATE TABLE sale AS
    SELECT id, date '2000-01-01' + (random() * {days} - 0.5)::int AS day, {code} AS currency, round((random() * 10000)::numeric, 2) AS amount
      FROM (SELECT id, floor(random() * {currencies})::int AS n FROM generate_series(1, {rows}) id OFFSET 0) s"""
PLPGSQL = """
    CREATE FUNCTION plain_convert(amount numeric, from_currency text, to_currency text, day date) RETURNS numeric
    STABLE LANGUAGE plpgsql AS $$
    DECLARE
        dividend numeric := amount;
        divisor numeric := 1;
        price record;
    BEGIN
        IF from_currency <> 'RUB' THEN
            SELECT c.value, c.nominal INTO price FROM t_currency c WHERE c.char_code = from_currency AND c.date = day;
            IF NOT FOUND THEN RAISE 'rate of % on % is not loaded', from_currency, day; END IF;
            dividend := dividend * price.value;
            divisor := price.nominal;
        END IF;
        IF to_currency <> 'RUB' THEN
            SELECT c.value, c.nominal INTO price FROM t_currency c WHERE c.char_code = to_currency AND c.date = day;
            IF NOT FOUND THEN RAISE 'rate of % on % is not loaded', to_currency, day; END IF;
            dividend := dividend * price.nominal;
            divisor := divisor * price.value;
        END IF;
        RETURN dividend / divisor;
    END $$"""
TO_RUB = {
    "cbr_convert": ("SELECT sum(cbr_convert(amount, currency, 'RUB', day)) FROM sale s WHERE s.id <= {rows}", ROWS, ""),
    "hash join": ("SELECT sum(amount * c.value / c.nominal) FROM sale s JOIN t_currency c ON c.char_code = s.currency AND"
                  " c.date = s.day::timestamp WHERE s.id <= {rows}", ROWS, "SET enable_nestloop = off; SET enable_mergejoin = off"),
    "join, planner's choice": ("SELECT sum(amount * c.value / c.nominal) FROM sale s JOIN t_currency c ON c.char_code ="
                               " s.currency AND c.date = s.day::timestamp WHERE s.id <= {rows}", ROWS, ""),
    "PL/pgSQL function": ("SELECT sum(plain_convert(amount, currency, 'RUB', day)) FROM sale s WHERE s.id <= {rows}", FEW, ""),
    "LATERAL as-of join": ("SELECT sum(amount * c.value / c.nominal) FROM sale s, LATERAL (SELECT value, nominal FROM"
                           " t_currency c WHERE c.char_code = s.currency AND c.date <= s.day ORDER BY c.date DESC LIMIT 1) c"
                           " WHERE s.id <= {rows}", FEW, ""),
}
TO_OTHER = {
    "cbr_convert to another currency": ("SELECT sum(cbr_convert(amount, currency, 'ABX', day)) FROM sale s WHERE s.id <= {rows}",
                                        ROWS, ""),
    "hash join of two": ("SELECT sum(amount * c.value * o.nominal / (o.value * c.nominal)) FROM sale s JOIN t_currency c ON"
                         " c.char_code = s.currency AND c.date = s.day::timestamp JOIN t_currency o ON o.char_code = 'ABX' AND"
                         " o.date = s.day::timestamp WHERE s.id <= {rows}", ROWS,
                         "SET enable_nestloop = off; SET enable_mergejoin = off"),
    "PL/pgSQL function, to another": ("SELECT sum(plain_convert(amount, currency, 'ABX', day)) FROM sale s WHERE s.id <= {rows}",
                                      FEW, ""),
}
ARITHMETIC = "SELECT sum(amount * 30.9436 / 100) FROM sale s WHERE s.id <= {rows}"


class Client:
    """One backend, on one core, without JIT."""

    def __init__(self, server, settings=""):
        self.connection = server.connect()
        self.cursor = self.connection.cursor()
        self.cursor.execute(f"SET max_parallel_workers_per_gather = 0; SET jit = off; {settings}")

    def value(self, sql):
        self.cursor.execute(sql)
        return self.cursor.fetchone()[0]

    def peak_megabytes(self):
        """The most that the process has held, the shared buffers that it has touched included."""
        status = pathlib.Path(f"/proc/{self.connection.get_backend_pid()}/status").read_text()
        sizes = dict(line.split(":", 1) for line in status.splitlines())
        return int(sizes["VmHWM"].split()[0]) // 1024


def measure(server, sql, rows, settings):
    client = Client(server, settings)
    times = []
    for _ in range(REPEATS + 1):  # the first one warms up
        begin = time.perf_counter()
        result = client.value(sql.format(rows=rows))
        times.append(time.perf_counter() - begin)
    expected_few = client.value(sql.format(rows=FEW))
    peak = client.peak_megabytes()
    client.connection.close()
    return statistics.median(times[1:]), result, expected_few, peak


def compare(server, contenders):
    first = None
    results = {}
    for name, (sql, rows, settings) in contenders.items():
        seconds, _, few, peak = measure(server, sql, rows, settings)
        first = first or (few, rows / seconds)
        if abs(few - first[0]) > abs(first[0]) / 10**9:
            sys.exit(f"{name} gives {few}, not {first[0]}")
        results[name] = rows / seconds
        print(f"| {name} | {rows / seconds / 1e6:.2f} | {first[1] / (rows / seconds):.2f} | {peak} |", flush=True)
    return results


def fresh_statement(server):
    """One call in a statement of its own, over SELECT 1."""
    client = Client(server)
    spent = {}
    for sql in ("SELECT 1", "SELECT cbr_convert(100, 'ABX', 'RUB', '2010-03-02')"):
        client.value(sql)
        times = []
        for _ in range(CALLS):
            begin = time.perf_counter()
            client.value(sql)
            times.append(time.perf_counter() - begin)
        spent[sql] = statistics.median(times)
    one, call = spent.values()
    begin = time.perf_counter()
    Client(server).value("SELECT cbr_convert(100, 'ABX', 'RUB', '2010-03-02')")
    return (call - one) * 1000, (time.perf_counter() - begin) * 1000


def main():
    server = Cluster()
    server.init()
    server.configure("shared_buffers = '512MB'\nwork_mem = '64MB'\nautovacuum = off")
    server.start()
    try:
        server.execute("CREATE EXTENSION cbr")
        server.execute(RATES)
        server.execute(PLPGSQL)
        server.execute("VACUUM ANALYZE t_currency")
        print(Client(server).value("SELECT version()").split(" on ")[0] + ", " + Client(server).value("SELECT cbr_version()"))
        for shape, (currencies, days) in SHAPES.items():
            server.execute("DROP TABLE IF EXISTS sale")
            server.execute(SALES.format(days=days, currencies=currencies, rows=ROWS, code=CODE))
            server.execute("VACUUM ANALYZE sale")
            print(f"\n{shape}, {ROWS:,} rows\n\n| | million rows/s | cbr_convert's speed over it | peak memory, MB |\n|---|---|---|---|")
            compare(server, TO_RUB)
            compare(server, TO_OTHER)
            seconds = measure(server, ARITHMETIC, ROWS, "")[0]
            print(f"| the arithmetic alone | {ROWS / seconds / 1e6:.2f} | | |", flush=True)
        call, first = fresh_statement(server)
        print(f"\nOne call in a statement of its own: {call:.3f} ms over SELECT 1. The first of a session, with the connection: {first:.1f} ms.")
    finally:
        server.remove()


if __name__ == "__main__":
    main()
