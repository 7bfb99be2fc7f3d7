"""test_io_rows - the examples that use descriptors"""
import socket
import subprocess

import example


class IoRows(example.Test):
    def test_many_clients_and_their_server_take_turns_on_one_thread(self):
        self.prints("echo", "100 clients, 300 right answers\n")
        self.prints("echo", "1 clients, 3 right answers\n", 1)
        self.refuses("echo", 0)
        self.refuses("echo", "x")

    def test_the_server_serves_others(self):
        with subprocess.Popen([example.path_of("echo"), "--serve"], stdout=subprocess.PIPE, text=True) as server:
            try:
                port = int(server.stdout.readline().split()[1])
                clients = [socket.create_connection(("127.0.0.1", port), timeout=example.PATIENCE) for _ in range(3)]
                for client in clients:
                    client.sendall(b"hello")
                for client in reversed(clients):
                    self.assertEqual(client.recv(5, socket.MSG_WAITALL), b"hello")
                    client.close()
            finally:
                server.kill()


if __name__ == "__main__":
    example.main()
