"""Feeds behind a caching proxy that we did not write: what one reader asked for must never be kept for another."""

import subprocess
import time

from house import House, free_port, wait_for_port

# It passes on what readers say they have, as a proxy must that knows nothing of feeds (nginx keeps that to itself otherwise).
PROXY = """
daemon off; master_process off; pid {folder}/proxy.pid; error_log {folder}/proxy.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  proxy_cache_path {folder}/cache keys_zone=feeds:1m;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{origin}; proxy_http_version 1.1; proxy_cache feeds;
      proxy_set_header If-None-Match $http_if_none_match; proxy_set_header If-Modified-Since $http_if_modified_since;
      proxy_set_header X-Forwarded-For $remote_addr;
      add_header X-Cache $upstream_cache_status always;
    }}
  }}
}}
"""


def changed(house, path, old):
    """The feed itself once it is another; another process published, so the service learns of it within a second or two."""
    for _ in range(100):
        answer = house.get(path)
        if answer[1]["ETag"] != old:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{path} stays {old}")


def story_a_cache_keeps_the_feed_and_never_a_delta():
    with House() as house:
        port = free_port()
        (house.folder / "proxy.conf").write_text(PROXY.format(folder=house.folder, port=port, origin=house.port))
        house.article("one", "kk", "Бірінші хабар", "Бірінші мәтін.")
        service = house.serve()
        log = open(house.folder / "proxy.out", "wb")
        proxy = subprocess.Popen(["/usr/sbin/nginx", "-c", house.folder / "proxy.conf", "-p", house.folder], stdout=log, stderr=log)
        house.running.append(proxy)
        wait_for_port(port)

        def ask(path, **headers):
            status, said, body = house.get(f"http://127.0.0.1:{port}{path}", headers={k.replace("_", "-"): v for k, v in headers.items()})
            return status, said, body

        for extension, one, gone in (("rss", b"<item", None), ("atom", b"<entry", b"deleted-entry"), ("json", b'"content_html"', b"_deleted")):
            path = f"/kk/feed.{extension}"
            old = ask(path)[1]["ETag"]
            assert ask(path)[1]["X-Cache"] == "HIT", "the feed is not kept"
            house.article(f"two-{extension}", "kk", f"Екінші хабар {extension}", "Екінші мәтін.")
            present = changed(house, path, old)
            # The delta first: were it kept under the feed's address, the next reader would get it. The proxy's own copy is fresh for
            # some minutes; another address is another copy, and what stands behind ? means nothing to us.
            fresh = f"{path}?reader={extension}"
            for _ in range(2):
                status, said, body = ask(fresh, A_IM="feed", If_None_Match=old, Accept_Encoding="identity")
                assert (status, said["IM"], said["Delta-Base"]) == (226, "feed", old), (status, said)
                assert said["X-Cache"] != "HIT" and body.count(one) == 1, body
            status, said, whole = ask(fresh)
            assert status == 200 and "IM" not in said and whole == present[2], (status, said)
            # Now the whole is kept. Who takes deltas still gets no kept whole under a wrong name, and who does not gets the whole.
            assert ask(fresh)[1]["X-Cache"] == "HIT"
            status, said, body = ask(fresh, A_IM="feed", If_None_Match=old)
            assert (status == 226 and body.count(one) == 1) or (status == 200 and body == whole), status
            assert ask(fresh)[2] == whole
            # What is withdrawn is named in a delta where the format has a word for it.
            newest = house.json("article", "list", "--limit", "1")[0]
            had = present[1]["ETag"]
            house.run("article", "withdraw", newest["uid"])
            changed(house, path, had)
            status, _, body = ask(f"{fresh}-gone", A_IM="feed", If_None_Match=had)
            assert status == (226 if gone else 200), (extension, status)
            if gone:
                assert gone in body and body.count(one) == 0, body
        house.stop(service)
        proxy.terminate()
        proxy.wait()
