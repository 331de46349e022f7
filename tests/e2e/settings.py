"""Settings that cannot be used are refused with file, line, key and remedy, and nothing is changed."""

import socket
import time

from house import House


def story_a_relative_public_url_is_refused():
    with House() as house:
        house.change(f'public_url = "{house.base}"', 'public_url = "/news"')
        said = house.run("serve", expect=2)
        assert "jarshy.toml:3: server.public_url" in said and "https://" in said, said
        assert not (house.folder / "jarshy.db").exists()


def story_weak_and_missing_secrets_are_refused():
    with House() as house:
        (house.folder / "secrets.toml").write_text('hash_key = "' + "00" * 32 + '"\n[link_keys]\n1 = "' + "ab" * 32 + '"\n')
        said = house.run("serve", expect=2)
        assert "secrets.link_keys.1 is weak" in said and "openssl rand -hex 32" in said, said
        assert "abab" not in said, "the key was printed"
        house.change('[secrets]\nfile = "secrets.toml"\n', "")
        said = house.run("serve", expect=2)
        assert "secrets.link_keys.1 is missing" in said, said


def story_an_unknown_key_is_named_with_its_line():
    with House() as house:
        house.change("[database]\nurl", "[database]\nurll")
        said = house.run("serve", expect=2)
        assert "jarshy.toml:6" in said and "urll" in said, said


def story_a_database_that_does_not_answer_is_told_without_its_password():
    with House(database="postgres://jarshy:hunter2@127.0.0.1:9/none") as house:
        said = house.run("migrate", expect=2)
        assert "cannot be opened" in said and "hunter2" not in said, said


def story_a_taken_port_is_told():
    with House() as house:
        first = house.serve()
        said = house.run("serve", expect=2)
        assert "cannot listen on" in said and "--listen" in said, said
        house.stop(first)


def story_the_environment_wins_over_the_file():
    with House() as house:
        said = house.run("migrate", env={"JARSHY_DATABASE__URL": f"sqlite:{house.folder}/other.db"})
        assert "up to date" in said
        assert (house.folder / "other.db").exists() and not (house.folder / "jarshy.db").exists()


def story_secrets_that_everybody_can_read_are_refused():
    with House() as house:
        (house.folder / "secrets.toml").chmod(0o644)
        said = house.run("serve", expect=2)
        assert "can be read by everybody" in said and "chmod 600" in said, said


def story_a_service_that_cannot_deliver_ends_with_an_error():
    """A supervisor that restarts on failure must see a failure."""
    with House(tls="required", mail_more='ca_file = "nope.pem"') as house:
        said = house.run("serve", expect=2, timeout=60)
        assert "nope.pem" in said, said


def story_a_request_that_is_half_sent_does_not_hold_the_end():
    with House() as house:
        service = house.serve()
        half = socket.create_connection(("127.0.0.1", house.port))
        half.sendall(b"GET /healthz HT")
        time.sleep(0.3)
        assert house.get("/healthz")[0] == 200
        house.stop(service, seconds=20)
        half.close()
