# A server of one request at a time, orphans.pl PORT, that makes orphans: GET /?n=1000 forks so many by way of a
# process that ends at once, has them all end at one moment, and answers how long it took until none was left, and how
# many are after a wait of 10 s: "seconds=0.05 left=0". It waits for no child that is not its own, so that nobody does
# where it is the first process itself; it then looks for a second only.
use strict;
use warnings;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(time usleep);

my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$ARGV[0]", Listen => 64, ReuseAddr => 1) or die "cannot listen: $!\n";
$SIG{TERM} = sub { exit 0 };
$SIG{PIPE} = 'IGNORE';
while (1) {
    my $client = $server->accept or next;
    my $count = 0;
    while (defined(my $line = <$client>)) {
        $count = $1 if $line =~ m{^GET /\S*[?&]n=(\d+)};
        last if $line =~ /^\r?\n$/;
    }
    my $text = $count ? orphans($count, $client) : "ok\n";
    print $client "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " . length($text) . "\r\n\r\n$text";
    close $client;
}

sub orphans {
    my ($count, $client) = @_;
    pipe my $gate, my $hold or die;
    pipe my $names, my $tell or die;
    my $mother = fork // die "cannot fork: $!\n";
    if (!$mother) {
        for (1 .. $count) {
            my $pid = fork // POSIX::_exit(1);
            if (!$pid) {
                close $_ for $hold, $tell, $client;
                sysread $gate, my $nothing, 1; # until everybody has closed the other end
                POSIX::_exit(7);
            }
            syswrite $tell, pack('N', $pid);
        }
        POSIX::_exit(0);
    }
    close $tell;
    local $/;
    my @pids = unpack 'N*', <$names>;
    waitpid $mother, 0;
    my $patience = $$ == 1 ? 1 : 10;
    my $began = time;
    close $hold;
    for my $pid (@pids) {
        usleep 200 while kill(0, $pid) && time - $began < $patience;
    }
    my $seconds = time - $began;
    my $left = grep { kill 0, $_ } @pids;
    return "seconds=$seconds left=$left made=" . @pids . "\n";
}
