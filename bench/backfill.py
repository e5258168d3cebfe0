"""What cbr_backfill costs beside its floor and its peers. Run by bench/backfill.

The answers are the stand-in's synthetic history, written to files once and served by nginx; for 50 ms of latency by a
server in Python that waits before it answers. The floor is curl of the same answers, plus COPY of the same rows into
the same table with its indexes. Each contender's rows are counted and summed. pgsql-http takes part where Debian has it
for the server: 17 in trixie, 18 in forky.

With latency, the requests alone are made two at a time as the backfill does, once without pause between their starts and
once with the 200 ms that cbr.request_interval is by default. A backfill cannot be faster than its slower half: the
requests, or COPY of the same rows, which is told beside them.
"""
import concurrent.futures
import datetime
import http.server
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "test" / "e2e"), str(ROOT / "test" / "bank")]

from bank import Bank  # noqa: E402
from cluster import Cluster, bindir  # noqa: E402

LAST = datetime.date(2026, 4, 25)
ARCHIVE = datetime.date(1992, 7, 1)
SCENARIOS = {"5 currencies since 2005": (datetime.date(2005, 1, 1), "USD,EUR,GBP,CNY,JPY"),
             "all currencies since 1992": (ARCHIVE, "*")}
COLUMNS = "name, char_code, value, date, nominal, num_code, cbr_id, effective_date"
REPEATS = 3
SAMPLE_DAYS = 60

NGINX = """
daemon off; pid {work}/nginx.pid; error_log {work}/nginx.log;
events {{}}
http {{
    access_log off; default_type application/xml; keepalive_requests 100000; root {work};
    client_body_temp_path {work}/t1; proxy_temp_path {work}/t2; fastcgi_temp_path {work}/t3; uwsgi_temp_path {work}/t4; scgi_temp_path {work}/t5;
    server {{
        listen 127.0.0.1:{port};
        location = /scripts/XML_daily.asp {{ try_files /daily.xml =404; }}
        location = /scripts/XML_valFull.asp {{ try_files /XML_valFull/$arg_d.xml =404; }}
        location = /scripts/XML_dynamic.asp {{ try_files /XML_dynamic/${{arg_VAL_NM_RQ}}_{first}_{last}.xml =404; }}
    }}
}}
"""


class Slow(http.server.ThreadingHTTPServer):
    """The same files, 50 ms late."""

    daemon_threads = True

    def __init__(self, work, first, last):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(url.query))
                file = {"/scripts/XML_daily.asp": "daily.xml",
                        "/scripts/XML_valFull.asp": f"XML_valFull/{query.get('d')}.xml"}.get(
                            url.path, f"XML_dynamic/{query.get('VAL_NM_RQ')}_{first}_{last}.xml")
                body = (work / file).read_bytes()
                time.sleep(0.05)
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}"


def free_port():
    with http.server.HTTPServer(("127.0.0.1", 0), None) as probe:
        return probe.server_port


def asked_range(first):
    """The range that the extension asks for: 45 days more on both sides, within the archive."""
    margin = datetime.timedelta(days=45)
    return max(ARCHIVE, first - margin), LAST + margin


def prepare(first):
    """The answers as files, and nginx before them."""
    work = pathlib.Path(tempfile.mkdtemp(prefix="cbr-bench-", dir="/tmp"))
    begin, end = asked_range(first)
    subprocess.run([sys.executable, str(ROOT / "test/bank/bank.py"), "--synthetic", "--write-answers", str(work), "--range",
                    begin.isoformat(), end.isoformat()], check=True, stdout=subprocess.DEVNULL)
    for item in xml.etree.ElementTree.parse(work / "XML_valFull" / "0.xml").getroot():
        file = work / "XML_dynamic" / f"{item.get('ID')}_{begin}_{end}.xml"
        if not file.exists():  # the synthetic history has one currency for each ISO code; the others have no records
            file.write_text(f'<ValCurs ID="{item.get("ID")}" DateRange1="{begin:%d.%m.%Y}" DateRange2="{end:%d.%m.%Y}"/>')
    with Bank(synthetic=True) as bank, urllib.request.urlopen(bank.url + "/scripts/XML_daily.asp") as answer:
        (work / "daily.xml").write_bytes(answer.read())
    port = free_port()
    (work / "nginx.conf").write_text(NGINX.format(work=work, port=port, first=begin, last=end))
    nginx = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-c", str(work / "nginx.conf"), "-e",
                              str(work / "nginx.log")])
    time.sleep(1)
    return work, nginx, f"http://127.0.0.1:{port}", (begin, end)


def dynamic_urls(url, ids, span):
    first, last = (day.strftime("%d/%m/%Y") for day in span)
    return [f"{url}/scripts/XML_dynamic.asp?date_req1={first}&date_req2={last}&VAL_NM_RQ={cbr_id}" for cbr_id in ids]


def state(cursor):
    cursor.execute("SELECT count(*), sum(value / nominal) FROM t_currency")
    return cursor.fetchone()


def timed(work):
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def empty(cursor):
    cursor.execute("TRUNCATE t_currency, cbr_fetch_log")
    cursor.execute("CHECKPOINT")


def memory(pid):
    sizes = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(sizes["RssAnon"].split()[0]) / 1024


def backfill(server, url, first, currencies, interval_ms=0):
    """Seconds, and by how many megabytes the backend's own memory grew, shared buffers left out."""
    connection = server.connect()
    cursor = connection.cursor()
    cursor.execute(f"SET cbr.request_interval = {interval_ms}; SELECT cbr_version()")
    cursor.execute("SET cbr.base_url = %s", (url,))
    before = memory(connection.get_backend_pid())
    peak = [before]
    over = threading.Event()

    def watch():
        while not over.wait(0.02):
            peak[0] = max(peak[0], memory(connection.get_backend_pid()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    seconds, _ = timed(lambda: cursor.execute("CALL cbr_backfill(%s, %s, %s)", (first, LAST, currencies.split(","))))
    over.set()
    watcher.join()
    connection.close()
    return seconds, peak[0] - before


def curl(urls):
    targets = [part for url in urls for part in (url, "-o", "/dev/null")]
    subprocess.run(["curl", "-s", "--no-progress-meter", *targets], check=True)


def paced(urls, interval):
    """The requests alone, two at a time, and so many seconds between their starts."""
    def get(url):
        with urllib.request.urlopen(url) as answer:
            answer.read()

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        begin = time.perf_counter()
        for i, url in enumerate(urls):
            time.sleep(max(0, begin + i * interval - time.perf_counter()))
            pool.submit(get, url)


def psql_copy(server, direction, file):
    subprocess.run([str(bindir() / "psql"), "-X", "-q", "-h", str(server.root), "-U", "postgres", "-d", "postgres", "-c",
                    f"\\copy t_currency ({COLUMNS}) {direction} '{file}'"], check=True, env=server.environment)


def python_copy(server, urls, first):
    """requests, ElementTree, the days filled in, COPY: what a careful script would do."""
    connection = server.connect()
    with tempfile.NamedTemporaryFile("w+", encoding="utf-8") as file:
        for url in urls:
            with urllib.request.urlopen(url) as answer:
                root = xml.etree.ElementTree.fromstring(answer.read())
            records = [(datetime.datetime.strptime(r.get("Date"), "%d.%m.%Y").date(), r.find("Nominal").text,
                        r.find("Value").text.replace(",", ".").replace("\xa0", "")) for r in root]
            for (day, nominal, value), following in zip(records, [*records[1:], (LAST + datetime.timedelta(days=1),)]):
                date = max(day, first)
                while date < following[0] and date <= LAST:
                    file.write(f"{root.get('ID')}\t{value}\t{nominal}\t{date}\t{day}\n")
                    date += datetime.timedelta(days=1)
        file.seek(0)
        connection.cursor().copy_expert("COPY t_currency (cbr_id, value, nominal, date, effective_date) FROM STDIN", file)
    connection.close()


PGSQL_HTTP = """
    INSERT INTO t_currency (cbr_id, value, nominal, date, effective_date)
    SELECT r.id, r.value, r.nominal, day, r.effective
      FROM (SELECT x.id, replace(x.value, ',', '.')::numeric AS value, x.nominal, d.effective,
                   lead(d.effective, 1, %(last)s + 1) OVER (ORDER BY d.effective) AS next
              FROM http_get(%(url)s) h,
                   xmltable('//Record' PASSING xmlparse(DOCUMENT h.content)
                            COLUMNS id text PATH '@Id', date text PATH '@Date', nominal integer PATH 'Nominal', value text PATH 'Value') x,
                   to_date(x.date, 'DD.MM.YYYY') AS d(effective)) r,
           generate_series(greatest(r.effective, %(first)s), least(r.next - 1, %(last)s), '1 day') day
     ON CONFLICT (cbr_id, date) DO NOTHING"""


def pgsql_http(server, urls, first):
    """Request, parse and fill in SQL, a statement a currency."""
    connection = server.connect()
    cursor = connection.cursor()
    cursor.execute("SELECT http_set_curlopt('CURLOPT_TIMEOUT_MS', '60000')")
    for url in urls:
        cursor.execute(PGSQL_HTTP, {"url": url, "first": first, "last": LAST})
    connection.close()


def script_loop(server, first):
    """The old script's way, a request and an INSERT a day, over a sample of days; seconds a day."""
    connection = server.connect()
    cursor = connection.cursor()
    with Bank(synthetic=True) as bank:
        urllib.request.urlopen(bank.url + "/scripts/XML_daily.asp").read()
        begin = time.perf_counter()
        for offset in range(SAMPLE_DAYS):
            day = first + datetime.timedelta(days=offset)
            with urllib.request.urlopen(f"{bank.url}/scripts/XML_daily.asp?date_req={day:%d/%m/%Y}") as answer:
                root = xml.etree.ElementTree.fromstring(answer.read())
            for valute in root.findall("Valute"):
                cursor.execute("INSERT INTO t_currency (name, char_code, value, date) VALUES (%s, %s, %s, %s)",
                               (valute.find("Name").text, valute.find("CharCode").text,
                                float(valute.find("Value").text.replace(",", ".", 1)), day))
        seconds = (time.perf_counter() - begin) / SAMPLE_DAYS
    connection.close()
    return seconds


def row(name, seconds, floor, rows, remark=""):
    print(f"| {name} | {seconds:.2f} | {seconds / floor:.2f} | {rows / seconds / 1000:.0f} | {remark} |", flush=True)


def run(server, cursor, scenario, first, currencies):
    work, nginx, url, span = prepare(first)
    slow = Slow(work, *span)
    try:
        empty(cursor)
        grown = max(backfill(server, url, first, currencies)[1] for _ in range(1))
        expected = state(cursor)
        cursor.execute("SELECT cbr_id FROM cbr_fetch_log ORDER BY id")
        ids = [cbr_id for cbr_id, in cursor.fetchall()]
        rows_file = work / "rows.copy"
        psql_copy(server, "TO", rows_file)

        def median(prepare_table, what):
            times = []
            for _ in range(REPEATS):
                if prepare_table:
                    empty(cursor)
                times.append(timed(what)[0])
            return statistics.median(times)

        paths = ["/scripts/XML_daily.asp"]
        if currencies == "*":
            paths += ["/scripts/XML_valFull.asp?d=0", "/scripts/XML_valFull.asp?d=1"]
        series = dynamic_urls(url, ids, span)
        urls = [url + path for path in paths] + series
        copy = median(True, lambda: psql_copy(server, "FROM", rows_file))
        floor = median(True, lambda: (curl(urls), psql_copy(server, "FROM", rows_file)))
        assert state(cursor) == expected, "the floor's rows"
        ours = median(True, lambda: backfill(server, url, first, currencies))
        assert state(cursor) == expected, "the backfill's rows"
        copied = median(True, lambda: python_copy(server, series, first))
        assert state(cursor)[0] == expected[0], "Python's rows"
        cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'http'")
        sql = cursor.fetchone() and median(True, lambda: pgsql_http(server, series, first))
        assert not sql or state(cursor)[0] == expected[0], "pgsql-http's rows"
        a_day = script_loop(server, first)
        days = (LAST - first).days + 1
        print(f"\n{scenario}: {len(ids)} currencies, {expected[0]:,} rows\n\n| | seconds | of the floor | thousand rows/s | |\n|---|---|---|---|---|")
        row("floor: curl, then COPY", floor, floor, expected[0])
        row("cbr_backfill", ours, floor, expected[0], f"own memory grew by {grown:.0f} MB at the most")
        row("Python, ElementTree, COPY", copied, floor, expected[0])
        if sql:
            row("pgsql-http, xmltable, INSERT", sql, floor, expected[0])
        row("the old script's loop", a_day * days, floor, expected[0], f"from {SAMPLE_DAYS} days; its server is the stand-in")

        late_urls = [u.replace(url, slow.url) for u in urls]
        print("\n| with 50 ms of latency | requests alone | COPY alone | cbr_backfill | of the slower half |\n|---|---|---|---|---|")
        for name, interval_ms in (("no pause between requests", 0), ("200 ms between requests", 200)):
            requests = median(False, lambda: paced(late_urls, interval_ms / 1000))
            late = median(True, lambda: backfill(server, slow.url, first, currencies, interval_ms))
            print(f"| {name} | {requests:.2f} | {copy:.2f} | {late:.2f} | {late / max(requests, copy):.2f} |", flush=True)
    finally:
        slow.shutdown()
        nginx.terminate()
        nginx.wait()
        shutil.rmtree(work)


def main():
    server = Cluster()
    server.init()
    server.configure("shared_buffers = '512MB'\nmax_wal_size = '8GB'\nautovacuum = off")
    server.start()
    try:
        server.execute("CREATE EXTENSION cbr")
        cursor = server.connect().cursor()
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'http'")
        if cursor.fetchone():
            cursor.execute("CREATE EXTENSION http")
        cursor.execute("SELECT version(), cbr_version()")
        print(", ".join(part.split(" on ")[0] for part in cursor.fetchone()))
        for scenario, (first, currencies) in SCENARIOS.items():
            run(server, cursor, scenario, first, currencies)
    finally:
        server.remove()


if __name__ == "__main__":
    main()
