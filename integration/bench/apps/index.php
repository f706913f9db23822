<?php
// The application of the comparison, for PHP. It is loaded anew for each request, so there is nothing for BOOT.

// PHP frees what a request had when it ends. What leaks in practice is an extension in C, so this leaks in C.
$kib = (int) ($_GET['leak'] ?? 0);
if ($kib > 0) {
    $block = FFI::new("char[$kib][1024]", false, true);
    FFI::memset($block, 1, $kib << 10); // written, so that the kernel must really give it
}
$length = 0;
$body = fopen('php://input', 'rb');
while (($part = fread($body, 1 << 16)) !== false && $part !== '') {
    $length += strlen($part);
}
// A signal ends a sleep early: the one to go on a roll would cut it short.
$until = microtime(true) + (float) ($_GET['hold'] ?? 0);
while (($left = $until - microtime(true)) > 0) {
    usleep((int) ceil($left * 1e6));
}
$text = 'pid=' . getmypid() . ' id=' . ($_GET['id'] ?? '') . " length=$length\n";
header('Content-Type: text/plain');
header('Content-Length: ' . strlen($text));
echo $text;
