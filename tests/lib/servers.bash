# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Real web servers for $TREES, on loopback, each with a configuration of ours in
# $SCRATCH/servers/NAME.  Names:
#   nginx nginx-rounded nginx-json nginx-pages nginx-tls  (one process)
#   apache-fancy apache-table apache-plain                (one process)
#   lighttpd caddy python
# nginx-pages serves $TREES/pages with index.html as its "listings".

LISTING_SERVERS="nginx nginx-rounded nginx-json apache-fancy apache-table apache-plain lighttpd caddy python"

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

server_url() { # NAME
	cat "$SCRATCH/servers/$1/url"
}

# Give NAME a directory, a port and a URL.
server_new() { # NAME [SCHEME]
	local dir=$SCRATCH/servers/$1 port
	port=$(free_port)
	mkdir -p "$dir"
	: >"$dir/log"
	echo "$port" >"$dir/port"
	echo "${2:-http}://127.0.0.1:$port/" >"$dir/url"
}

server_port() { # NAME
	cat "$SCRATCH/servers/$1/port"
}

# Run a server in the background and note its pid.
server_run() { # NAME COMMAND...
	local dir=$SCRATCH/servers/$1
	shift
	setsid "$@" </dev/null >"$dir/output" 2>&1 9>&- &
	echo $! >"$dir/pid"
	disown
}

server_wait() { # NAME
	local port tries
	port=$(server_port "$1")
	for ((tries = 0; tries < 100; tries++)); do
		(: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
		sleep 0.1
	done
	echo "tests: $1 does not start:" >&2
	cat "$SCRATCH/servers/$1/output" >&2
	return 1
}

servers_start() {
	nginx_start
	apache_start
	lighttpd_start
	caddy_start
	python_start
	local name
	for name in nginx $LISTING_SERVERS; do
		server_wait "$name" || return 1
	done
}

# Those of all jobs.
servers_stop() {
	local file pid pids=()
	for file in "$SCRATCH"/servers/*/pid "$SCRATCH"/job*/servers/*/pid; do
		[ -s "$file" ] && pids+=("$(<"$file")")
	done
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null
	done
	for pid in "${pids[@]}"; do
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			kill -0 "$pid" 2>/dev/null || continue 2
			sleep 0.2
		done
		kill -KILL "$pid" 2>/dev/null
	done
}

nginx_block() { # NAME ROOT DIRECTIVES [LISTEN-OPTION]
	local dir=$SCRATCH/servers/$1
	cat <<-EOT
		server {
			listen 127.0.0.1:$(server_port "$1") ${4:-};
			root $2;
			access_log $dir/log requests;
			$3
		}
	EOT
}

nginx_start() {
	local dir=$SCRATCH/servers/nginx name
	local listing="autoindex on; index none.none;"
	for name in nginx nginx-rounded nginx-json nginx-pages; do
		server_new "$name"
	done
	server_new nginx-tls https
	openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=127.0.0.1 \
		-addext subjectAltName=IP:127.0.0.1 \
		-keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null
	{
		cat <<-EOT
			daemon off;
			user root;
			worker_processes 2;
			pid $dir/nginx.pid;
			error_log $dir/error.log;
			events { worker_connections 512; }
			http {
			types { }
			client_body_temp_path $dir/body;
			proxy_temp_path $dir/proxy;
			fastcgi_temp_path $dir/fastcgi;
			uwsgi_temp_path $dir/uwsgi;
			scgi_temp_path $dir/scgi;
			keepalive_requests 1000000;
			sendfile on;
			log_format requests '\$request \$status \$body_bytes_sent \$http_range \$connection';
		EOT
		nginx_block nginx "$TREES" "$listing"
		nginx_block nginx-rounded "$TREES" "$listing autoindex_exact_size off;"
		nginx_block nginx-json "$TREES" "$listing autoindex_format json;"
		nginx_block nginx-pages "$TREES/pages" "index index.html; types { text/html html; }"
		nginx_block nginx-tls "$TREES" \
			"$listing ssl_certificate $dir/cert.pem; ssl_certificate_key $dir/key.pem;" ssl
		echo "}"
	} >"$dir/nginx.conf"
	server_run nginx nginx -p "$dir" -c "$dir/nginx.conf" -e "$dir/error.log"
}

apache_block() { # NAME OPTIONS
	local dir=$SCRATCH/servers/$1
	cat <<-EOT
		Listen 127.0.0.1:$(server_port "$1")
		<VirtualHost 127.0.0.1:$(server_port "$1")>
			DocumentRoot $TREES
			CustomLog $dir/log "%r %>s %B %{Range}i"
			<Directory $TREES>
				Options Indexes FollowSymLinks
				Require all granted
				IndexIgnoreReset ON
				IndexIgnore . ..
				IndexOptions $2
			</Directory>
		</VirtualHost>
	EOT
}

apache_start() {
	local dir name module
	for name in apache-fancy apache-table apache-plain; do
		server_new "$name"
	done
	dir=$SCRATCH/servers/apache-fancy
	{
		for module in mpm_event authz_core dir autoindex mime; do
			echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
		done
		cat <<-EOT
			ServerName 127.0.0.1
			ServerRoot $dir
			PidFile $dir/apache.pid
			ErrorLog $dir/error.log
			DirectoryIndex disabled
			TypesConfig /dev/null
			User www-data
			Group www-data
			MaxKeepAliveRequests 0
			# Also what is stored so, however the client asks.
			AddEncoding x-gzip .gz .tgz
		EOT
		apache_block apache-fancy "FancyIndexing NameWidth=30"
		apache_block apache-table "FancyIndexing HTMLTable"
		apache_block apache-plain "-FancyIndexing"
	} >"$dir/apache.conf"
	server_run apache-fancy apache2 -DFOREGROUND -f "$dir/apache.conf"
}

lighttpd_start() {
	server_new lighttpd
	local dir=$SCRATCH/servers/lighttpd
	cat >"$dir/lighttpd.conf" <<-EOT
		server.modules = ("mod_dirlisting", "mod_accesslog")
		server.bind = "127.0.0.1"
		server.port = $(server_port lighttpd)
		server.document-root = "$TREES"
		server.errorlog = "$dir/error.log"
		accesslog.filename = "$dir/log"
		accesslog.format = "%r %s %B %{Range}i"
		dir-listing.activate = "enable"
		# It would serve a file that was replaced a second ago.
		server.stat-cache-engine = "disable"
		# No ETag and no Last-Modified without a type.
		mimetype.assign = ("" => "application/octet-stream")
	EOT
	server_run lighttpd lighttpd -D -f "$dir/lighttpd.conf"
}

caddy_start() {
	server_new caddy
	local dir=$SCRATCH/servers/caddy
	cat >"$dir/Caddyfile" <<-EOT
		{
			admin off
			auto_https off
		}
		http://127.0.0.1:$(server_port caddy) {
			bind 127.0.0.1
			root * $TREES
			file_server browse
			log {
				output file $dir/log
				format json
			}
		}
	EOT
	server_run caddy env HOME="$dir" XDG_DATA_HOME="$dir" XDG_CONFIG_HOME="$dir" \
		caddy run --adapter caddyfile --config "$dir/Caddyfile"
}

python_start() {
	server_new python
	local dir=$SCRATCH/servers/python
	server_run python python3 -u -m http.server --bind 127.0.0.1 \
		--directory "$TREES" "$(server_port python)"
	rm "$dir/log"
	ln -s output "$dir/log"
}

# A second nginx that a test may kill: serves ROOT under NAME.
nginx_extra_start() { # NAME ROOT
	local dir=$SCRATCH/servers/$1
	[ -e "$dir/port" ] || server_new "$1"
	mkdir -p "$dir/tmp"
	cat >"$dir/nginx.conf" <<-EOT
		daemon off;
		user root;
		pid $dir/nginx.pid;
		error_log $dir/error.log;
		events { }
		http {
		client_body_temp_path $dir/tmp/body;
		proxy_temp_path $dir/tmp/proxy;
		fastcgi_temp_path $dir/tmp/fastcgi;
		uwsgi_temp_path $dir/tmp/uwsgi;
		scgi_temp_path $dir/tmp/scgi;
		log_format requests '\$request \$status \$body_bytes_sent \$http_range \$connection';
		$(nginx_block "$1" "$2" "autoindex on; index none.none;")
		}
	EOT
	server_run "$1" nginx -p "$dir" -c "$dir/nginx.conf" -e "$dir/error.log"
	server_wait "$1"
}

server_kill() { # NAME: that was started by *_start of its own
	local pid
	pid=$(<"$SCRATCH/servers/$1/pid")
	kill "$pid"
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.1
	done
	: >"$SCRATCH/servers/$1/pid"
}

# The requests that a server has answered: METHOD URI STATUS BYTES RANGE [CONNECTION]
requests_all() { # NAME
	local log=$SCRATCH/servers/$1/log
	case $1 in
	caddy) jq -r '.request as $r | select($r) | "\($r.method) \($r.uri) \(.status) \(.size) \($r.headers.Range[0] // "-")"' "$log" ;;
	python) sed -nE 's/^.*\] "([A-Z]+ [^ ]+) [^"]+" ([0-9]+) .*/\1 \2 0 -/p' "$log" ;;
	*) awk '{ $3 = ""; sub("  ", " "); print }' "$log" ;;
	esac
}
