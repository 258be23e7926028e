/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Servers on loopback for unit tests, each with a scratch directory.  They die
 * with the test, however it ends.  Everything fails the test by assertions.
 */
#ifndef HSM_TESTS_SERVER_H
#define HSM_TESTS_SERVER_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct server {
	char dir[64];
	pid_t pid;
	int port;
	char url[128];
};

static inline int scratch_remove_one(const char *path, const struct stat *st,
				     int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void scratch_make(char *dir, size_t size)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, size, "%s/hsm-unit-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
}

static inline void scratch_remove(const char *dir)
{
	nftw(dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The bytes of every test file: each 8 bytes are a mix of their number. */
static inline void pattern_fill(unsigned char *buf, size_t len, uint64_t off)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t word = ((off + i) / 8 + 1) * 0x9e3779b97f4a7c15u;

		buf[i] = word >> (8 * ((off + i) % 8));
	}
}

static inline void file_make(const char *dir, const char *name, size_t size)
{
	char path[256];
	unsigned char *buf = malloc(size + 1);
	FILE *file;

	assert_non_null(buf);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	pattern_fill(buf, size, 0);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(buf, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
	free(buf);
}

static inline void directory_make(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static inline void text_make(const char *dir, const char *name,
			     const char *format, ...)
{
	char path[256];
	FILE *file;
	va_list args;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	va_start(args, format);
	vfprintf(file, format, args);
	va_end(args);
	assert_int_equal(fclose(file), 0);
}

static inline pid_t process_start(const char *const *argv, int out)
{
	pid_t parent = getpid(), pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	if (out >= 0)
		dup2(out, STDOUT_FILENO);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

static inline void server_stop(struct server *server)
{
	if (server->pid > 0) {
		kill(server->pid, SIGTERM);
		waitpid(server->pid, NULL, 0);
	}
	scratch_remove(server->dir);
}

/* What is on loopback is not asked for through somebody's proxy. */
static inline void proxies_forget(void)
{
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("all_proxy");
	unsetenv("HTTPS_PROXY");
	unsetenv("ALL_PROXY");
}

/* tests/fault-server.py, with `server->dir` as its root. */
static inline void fault_server_start(struct server *server)
{
	char script[256], line[64];
	const char *slash = strrchr(__FILE__, '/');
	const char *argv[] = { "python3", script, server->dir, NULL };
	int pipe_fds[2];
	FILE *out;

	proxies_forget();
	scratch_make(server->dir, sizeof(server->dir));
	snprintf(script, sizeof(script), "%.*s/../fault-server.py",
		 (int)(slash - __FILE__), __FILE__);
	if (getenv("TESTS"))
		snprintf(script, sizeof(script), "%s/fault-server.py",
			 getenv("TESTS"));
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	server->pid = process_start(argv, pipe_fds[1]);
	close(pipe_fds[1]);
	out = fdopen(pipe_fds[0], "r");
	assert_non_null(fgets(line, sizeof(line), out));
	assert_int_equal(sscanf(line, "listening %d", &server->port), 1);
	fclose(out);
	snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%d/",
		 server->port);
}

static inline int free_port(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len),
			 0);
	close(fd);
	return ntohs(address.sin_port);
}

static inline int connect_to(int port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	close(fd);
	return -1;
}

/* Send one request, give back what comes (the caller frees it). */
static inline char *ask_server(int port, const char *method, const char *path)
{
	char request[1024], *answer = calloc(1, 1 << 20);
	size_t len = 0;
	ssize_t n;
	int fd = connect_to(port);

	assert_true(fd >= 0);
	n = snprintf(request, sizeof(request),
		     "%s %s HTTP/1.1\r\nHost: control\r\n"
		     "Connection: close\r\n\r\n", method, path);
	assert_int_equal(send(fd, request, n, MSG_NOSIGNAL), n);
	while (len < (1 << 20) - 1 &&
	       (n = recv(fd, answer + len, (1 << 20) - 1 - len, 0)) > 0)
		len += n;
	close(fd);
	return answer;
}

static inline void certificate_make(const char *dir)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -days 2 "
		 "-subj /CN=localhost -addext "
		 "subjectAltName=DNS:localhost,IP:127.0.0.1 "
		 "-keyout key -out cert 2>/dev/null", dir);
	assert_int_equal(system(command), 0);
}

/*
 * nginx for `server->dir`/www: http on `port`, https (h2) on `port_tls`.  Over
 * http, all below /up/ is redirected to https.
 */
static inline void nginx_start(struct server *server, int *port_tls)
{
	char conf[128], www[256];
	const char *argv[] = { "nginx", "-p", server->dir, "-c", conf, "-e",
			       "stderr", NULL };
	int fd = -1;

	proxies_forget();
	scratch_make(server->dir, sizeof(server->dir));
	chmod(server->dir, 0755);
	directory_make(server->dir, "www");
	snprintf(www, sizeof(www), "%s/www", server->dir);
	server->port = free_port();
	*port_tls = free_port();
	certificate_make(server->dir);
	snprintf(conf, sizeof(conf), "%s/nginx.conf", server->dir);
	text_make(server->dir, "nginx.conf",
		  "daemon off; worker_processes 1; pid %s/pid;\n"
		  "error_log %s/error;\n"
		  "events { }\n"
		  "http { access_log off;\n"
		  "client_body_temp_path %s/b; proxy_temp_path %s/p;\n"
		  "fastcgi_temp_path %s/f; uwsgi_temp_path %s/u;\n"
		  "scgi_temp_path %s/s;\n"
		  "server { listen 127.0.0.1:%d;\n"
		  "listen 127.0.0.1:%d ssl http2;\n"
		  "ssl_certificate %s/cert; ssl_certificate_key %s/key;\n"
		  "root %s; autoindex on;\n"
		  "location /up/ { if ($scheme = http) {\n"
		  "return 301 https://127.0.0.1:%d$request_uri; } } } }\n",
		  server->dir, server->dir, server->dir, server->dir,
		  server->dir, server->dir, server->dir, server->port, *port_tls,
		  server->dir, server->dir, www, *port_tls);
	server->pid = process_start(argv, -1);
	for (int i = 0; fd < 0 && i < 100; i++) {
		usleep(50000);
		fd = connect_to(server->port);
	}
	assert_true(fd >= 0);
	close(fd);
	snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%d/",
		 server->port);
}

#endif
